package swarm

import (
	"testing"

	"github.com/shoal-sync/shoal/internal/ident"
	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/recipe"
)

// A small content that nobody is known to hold may be in this device's own stage, where a
// crash has left it, or in its trash. It is looked for there once, and by nobody else when
// somebody gives it meanwhile.
func TestASmallContentIsSoughtHere(t *testing.T) {
	b := newBench(t, alice, bob)
	w := single(1)
	b.do(0, w, "a: want 1, b: want 1")
	b.tick(step.Instant(askEvery), "OpenStage, a: want 1, b: want 1")
	b.do(4*second, StageOpened{w.Content, []bool{true}}, "ContentReady")
	b.do(5*second, w, "a: want 1, b: want 1")
	b.run(6*second, ContentDropped{w.Content})

	w = single(2)
	b.do(7*second, w, "a: want 1, b: want 1")
	b.tick(10*second, "OpenStage, a: want 1, b: want 1")
	b.do(10*second+1, hasAll(bob, w.Content), "ask b 0")
	b.do(10*second+2, StageOpened{w.Content, []bool{true}}, "cancel b 1, ContentReady")
	b.do(11*second, StageOpened{w.Content, []bool{true}}, "")

	w = single(3)
	b.do(20*second, w, "a: want 1, b: want 1")
	b.tick(23*second, "OpenStage, a: want 1, b: want 1")
	b.do(23*second+1, StageOpened{w.Content, []bool{false}}, "")
	b.do(23*second+2, StageOpened{w.Content, []bool{true, true}}, "")
	b.tick(26*second, "a: want 1, b: want 1")
	b.do(27*second, hasAll(bob, w.Content), "ask b 0")
	b.came(28*second, 0, "ContentReady")
	b.do(29*second, StageOpened{w.Content, []bool{true}}, "")
}

// What the host is told to open follows from the content's id and size alone.
func TestASmallContentIsSoughtByItsOwnRecipe(t *testing.T) {
	b := newBench(t, alice)
	body := []byte("a note")
	w := ContentWanted{Content: ident.ContentID(recipe.HashChunk(body)), Size: int64(len(body))}
	b.run(0, w)
	for _, f := range b.core.Tick(step.Instant(askEvery)) {
		if o, ok := f.(OpenStage); ok {
			if err := o.Recipe.Verify(w.Content); err != nil || o.Recipe.Size() != w.Size {
				t.Errorf("the recipe is of another content: %v, %d bytes", err, o.Recipe.Size())
			}
			return
		}
	}
	t.Error("nothing is opened")
}
