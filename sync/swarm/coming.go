package swarm

import "github.com/shoal-sync/shoal/internal/ident"

// Comes reports whether a content is being fetched and a connected device holds some of what
// is lacking.
func (c *Core) Comes(content ident.ContentID) bool {
	w := c.wants[content]
	return w != nil && w.of == nil && !c.alone(w)
}

// Coming returns all contents that come.
func (c *Core) Coming() (out []ident.ContentID) {
	for _, w := range c.sortedWants() {
		if c.Comes(w.content) {
			out = append(out, w.content)
		}
	}
	return out
}
