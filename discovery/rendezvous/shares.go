package rendezvous

import (
	"context"

	"github.com/shoal-sync/shoal/discovery/post"
	"github.com/shoal-sync/shoal/internal/ident"
)

// Share tells the server which folders this device shares; they take the place of those
// told before. A server of an older program does not answer.
func (c *Client) Share(ctx context.Context, shares []post.Share) error {
	_, err := c.ask(ctx, post.Message{Kind: post.Shares, Shares: shares})
	return err
}

// Members returns devices that share a folder and are at the server, by its word: those
// that are of most use to this device first. It must have told of the folder before.
func (c *Client) Members(ctx context.Context, folder ident.FolderID) ([]post.Member, error) {
	if err := c.turn(ctx); err != nil {
		return nil, err
	}
	key := post.KeyOf(c.opts.Place.Audience(), folder)
	m, err := c.ask(ctx, post.Message{Kind: post.Members, Folder: key[:]})
	return m.Members, err
}
