package scan

import (
	"sync"
	"time"

	"github.com/shoal-sync/shoal/sync/recipe"
	"github.com/shoal-sync/shoal/sync/tree"
)

const (
	// batchMax is how many findings are reported at a time. The index writes a batch of
	// this size in a few milliseconds.
	batchMax = 512
	// batchBytes is how large encoded recipes may grow before they are handed on.
	batchBytes = 1 << 20
	// batchTime is how long a finding may wait for others, so that transfers begin while
	// the look goes on.
	batchTime = 50 * time.Millisecond
)

// batch collects findings and hands them on, in the order in which they came.
type batch struct {
	recipesTo func([]Recipe) error
	reportTo  func([]tree.Finding) error
	fail      func(error)

	mu       sync.Mutex
	findings []tree.Finding
	recipes  []Recipe
	bytes    int
	count    int // findings handed on
	failed   bool
}

// add takes in a finding. It waits while a batch is being handed on, which slows the
// hashers down to what the caller can take in.
func (b *batch) add(f tree.Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(f)
}

// addFile takes in a finding together with the recipe of its content.
func (b *batch) addFile(f tree.Finding, made recipe.Recipe) {
	var encoded []byte
	if _, implied := recipe.Implied(f.Content, f.Stat.Size); !implied {
		encoded = made.Append(make([]byte, 0, made.EncodedSize()))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if encoded != nil {
		b.recipes = append(b.recipes, Recipe{f.Content, encoded})
		b.bytes += len(encoded)
	}
	b.put(f)
}

func (b *batch) put(f tree.Finding) {
	b.findings = append(b.findings, f)
	if len(b.findings) >= batchMax || b.bytes >= batchBytes {
		b.handOn()
	}
}

func (b *batch) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handOn()
}

func (b *batch) handOn() {
	findings, recipes := b.findings, b.recipes
	b.findings, b.recipes, b.bytes = nil, nil, 0
	if b.failed || len(findings) == 0 {
		return
	}
	var err error
	if len(recipes) > 0 {
		err = b.recipesTo(recipes)
	}
	if err == nil {
		err = b.reportTo(findings)
	}
	if err != nil {
		b.failed = true
		b.fail(err)
		return
	}
	b.count += len(findings)
}
