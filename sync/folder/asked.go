package folder

import "github.com/shoal-sync/shoal/internal/ident"

// A person may ask for a content that no entry wants: an old version out of another
// device's trash. It is fetched like any other, and the host puts it in place; what comes
// of that is then found by a look, as if a program had done it.

// ContentAsked: a person wants a content. Answered by ContentHere or ContentLacking.
type ContentAsked struct {
	Content ident.ContentID
	Size    int64 // bytes
}

// ContentUsed: what was asked for has been put in place, or is wanted no more.
type ContentUsed struct{ Content ident.ContentID }

// ContentHere tells that a content that was asked for is in the stage.
type ContentHere struct{ Content ident.ContentID }

// ContentLacking tells that it cannot be had, and why.
type ContentLacking struct {
	Content ident.ContentID
	Reason  string
}

func (ContentAsked) event()    {}
func (ContentUsed) event()     {}
func (ContentHere) effect()    {}
func (ContentLacking) effect() {}

func (c *Core) askContent(e ContentAsked) {
	f := c.fetches[e.Content]
	if f == nil {
		f = &fetch{size: e.Size}
		c.fetches[e.Content] = f
		if f.size > fetchSmall {
			c.fetched += f.size
		}
		c.emit(FetchContent{Content: e.Content, Size: e.Size})
	}
	f.asked = true
	if f.staged {
		c.emit(ContentHere{e.Content})
	}
}

// contentUsed ends the fetch, unless entries wait for the same content.
func (c *Core) contentUsed(content ident.ContentID) {
	f := c.fetches[content]
	if f == nil || !f.asked {
		return
	}
	f.asked = false
	if len(f.waiting) == 0 {
		c.endFetch(content, f)
		c.emit(DropContent{Content: content})
	}
}
