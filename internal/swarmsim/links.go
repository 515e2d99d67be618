package swarmsim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shoal-sync/shoal/internal/step"
	"github.com/shoal-sync/shoal/sync/swarm"
)

// Shape is how nodes are linked.
type Shape string

// The shapes.
const (
	Random  Shape = "random"  // every node with some others by chance
	Star    Shape = "star"    // all with the source only
	Line    Shape = "line"    // each with the one before
	Cliques Shape = "cliques" // two, with one link between them; the source is in one
	Lans    Shape = "lans"    // as Random, but devices are in two networks with a thin way between them
	Door    Shape = "door"    // all in one network but the source, which one of them is linked with
)

func (w *world) connect() {
	switch n := len(w.nodes); w.o.Shape {
	case Star:
		for _, a := range w.nodes[1:] {
			w.join(a, w.nodes[0])
		}
	case Line:
		for i, a := range w.nodes[1:] {
			w.join(a, w.nodes[i])
		}
	case Cliques:
		for i, a := range w.nodes {
			for j, b := range w.nodes[:i] {
				if (i < n/2) == (j < n/2) {
					w.join(a, b)
				}
			}
		}
		w.join(w.nodes[n/2-1], w.nodes[n/2])
	case Door:
		for i, a := range w.nodes[1:] {
			for _, b := range w.nodes[1 : i+1] {
				w.join(a, b)
			}
		}
		w.join(w.nodes[0], w.nodes[1])
	default:
		w.connectByChance()
	}
}

// connectByChance gives every node as many links as it may have, to nodes by chance. It
// begins with a circle, which makes the world one. Two nodes behind NATs cannot be linked.
func (w *world) connectByChance() {
	g := graph{nodes: w.nodes, chance: w.chance, near: make([][]int, len(w.nodes)), most: w.o.Degree}
	order := w.chance.Perm(len(w.nodes))
	for i, a := range order {
		g.add(a, order[(i+1)%len(order)])
	}
	var open []int // every node once for each link it may have
	for i := range w.nodes {
		for range w.o.Degree {
			open = append(open, i)
		}
	}
	w.chance.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
	for _, a := range open {
		for tries := 0; len(g.near[a]) < g.most && tries < 20; tries++ {
			if b := open[w.chance.IntN(len(open))]; len(g.near[b]) < g.most && g.add(a, b) {
				break
			}
		}
	}
	for a := range w.nodes {
		g.fill(a)
	}
	for a, near := range g.near {
		for _, b := range near {
			if a < b {
				w.join(w.nodes[a], w.nodes[b])
			}
		}
	}
}

// graph is links before they are laid.
type graph struct {
	nodes  []*node
	chance *rand.Rand
	near   [][]int
	most   int
}

func (g *graph) add(a, b int) bool {
	if a == b || g.nodes[a].nat && g.nodes[b].nat || slices.Contains(g.near[a], b) {
		return false
	}
	g.near[a], g.near[b] = append(g.near[a], b), append(g.near[b], a)
	return true
}

// fill gives a node that lacks links the two ends of a link between others, until it has
// enough: those keep as many as they had.
func (g *graph) fill(a int) {
	for tries := 0; len(g.near[a])+1 < g.most && tries < 1000; tries++ {
		c := g.chance.IntN(len(g.near))
		if len(g.near[c]) == 0 {
			continue
		}
		d := g.near[c][g.chance.IntN(len(g.near[c]))]
		if c == a || d == a || slices.Contains(g.near[a], c) || slices.Contains(g.near[a], d) ||
			g.nodes[a].nat && (g.nodes[c].nat || g.nodes[d].nat) {
			continue
		}
		g.near[c] = slices.DeleteFunc(g.near[c], func(n int) bool { return n == d })
		g.near[d] = slices.DeleteFunc(g.near[d], func(n int) bool { return n == c })
		g.add(a, c)
		g.add(a, d)
	}
}

// join links two nodes; false when they cannot be, or are already.
func (w *world) join(a, b *node) bool {
	if a == b || a.gone || b.gone || a.nat && b.nat || a.linkTo(b) != nil {
		return false
	}
	delay := w.o.Delay/2 + time.Duration(w.chance.Int64N(int64(w.o.Delay/2)+1))
	a.links = append(a.links, link{b, delay})
	b.links = append(b.links, link{a, delay})
	if w.o.Shape == Lans || w.o.Shape == Door {
		lan := w.lanOf(a) == w.lanOf(b)
		w.feed(a, swarm.PeerPlaced{Peer: deviceOf(b.number), Lan: lan})
		w.feed(b, swarm.PeerPlaced{Peer: deviceOf(a.number), Lan: lan})
	}
	w.feed(a, swarm.PeerJoined{Peer: deviceOf(b.number)})
	w.feed(b, swarm.PeerJoined{Peer: deviceOf(a.number)})
	return true
}

// arrangeChurn says who goes when, for the longest the world may last.
func (w *world) arrangeChurn() {
	if w.o.Churn <= 0 {
		return
	}
	every := time.Duration(float64(time.Minute) / (w.o.Churn * float64(w.o.Nodes)))
	for at := every; at < w.o.Limit; at += every {
		w.after(at, moment{kind: leave, node: int32(1 + w.chance.IntN(w.o.Nodes))})
	}
}

func (w *world) goAway(n *node) {
	if n.gone {
		return
	}
	if !n.away && n.done == 0 && !n.lies && !n.stalls {
		w.left--
	}
	n.away, n.gone = true, true
	n.life++
	links := n.links
	n.links = nil
	for _, l := range links {
		w.feed(n, swarm.PeerLeft{Peer: deviceOf(l.to.number)})
		l.to.links = slices.DeleteFunc(l.to.links, func(o link) bool { return o.to == n })
		w.feed(l.to, swarm.PeerLeft{Peer: deviceOf(n.number)})
		for tries := 0; len(l.to.links) < w.o.Degree && tries < 20; tries++ {
			if b := w.nodes[w.chance.IntN(len(w.nodes))]; len(b.links) < w.o.Degree+2 && w.join(l.to, b) {
				break
			}
		}
	}
	clear(n.asks)
	w.after(AwayTime, moment{kind: enter, node: int32(n.number)})
}

func (w *world) comeBack(n *node) {
	n.gone, n.uplink, n.sending, n.downFree = false, nil, false, w.now
	n.due = 1<<63 - 1
	for tries := 0; len(n.links) < w.o.Degree && tries < 20*w.o.Degree; tries++ {
		if b := w.nodes[w.chance.IntN(len(w.nodes))]; len(b.links) < w.o.Degree+2 {
			w.join(n, b)
		}
	}
}

// lanOf is in which of two networks a node is. The source is in the first.
func (w *world) lanOf(n *node) int {
	if w.o.Shape == Door {
		return min(1, n.number)
	}
	return n.number % 2
}

// passThin returns when the last byte of a piece is through the way between two networks,
// which all share; at once where there is none.
func (w *world) passThin(from, to *node, size int64) step.Instant {
	if w.o.Shape != Lans || w.lanOf(from) == w.lanOf(to) {
		return w.now
	}
	way := &w.thin[w.lanOf(to)]
	*way = max(w.now, *way).Add(time.Duration(size * int64(time.Second) / w.o.Thin))
	if w.lanOf(to) == 1 {
		w.total.ThinBytes += size
	}
	return *way
}
