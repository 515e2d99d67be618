package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shoal-sync/shoal/app/release"
)

// helloTime bounds how long a server may take to say something, or more of a file. How long
// all of it takes is for the caller to bound.
const helloTime = 30 * time.Second

var errSilent = errors.New("the server has fallen silent")

// Place is where releases are published: a directory, or an address that begins with
// http:// or https://, of the signed list. The files lie beside it.
type Place struct {
	at     string
	client *http.Client
	quiet  time.Duration // after which a server is not waited for any more
}

// NewPlace returns a place; the client is for addresses.
func NewPlace(at string, client *http.Client) Place { return Place{at, client, helloTime} }

// IsAddress reports whether a text is the address of a list.
func IsAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// List fetches the signed list, at most one byte more than a list may have.
func (p Place) List(ctx context.Context) ([]byte, error) {
	if !IsAddress(p.at) {
		return readBounded(p.at)
	}
	body, _, err := p.get(ctx, p.at, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, release.ListMax+1))
}

// Newer returns the list of a place and its signed form, if it is of a version that is newer
// than the given one; else both are empty. What the keys of the store have not signed is an
// error.
func (p Place) Newer(ctx context.Context, s *Store, than string) (l release.List, sealed []byte, err error) {
	if sealed, err = p.List(ctx); err != nil {
		return l, nil, err
	}
	if l, err = s.Open(sealed); err != nil {
		return release.List{}, nil, err
	}
	if order, err := release.Compare(l.Version, than); err != nil || order <= 0 {
		return release.List{}, nil, err
	}
	return l, sealed, nil
}

// Fetch brings a file into a store, from where it was left the last time.
func (p Place) Fetch(ctx context.Context, s *Store, f release.File) (err error) {
	if _, err := s.Whole(f); err == nil {
		return nil
	}
	part, err := s.Begin(f)
	if err != nil {
		return err
	}
	defer func() {
		if closed := part.Close(); err == nil {
			err = closed
		}
		if err == nil && part.Have() < f.Size {
			err = fmt.Errorf("%s ends after %d of its %d bytes: %w", f.Name, part.Have(), f.Size, io.ErrUnexpectedEOF)
		}
	}()
	if part.Have() == f.Size {
		return nil // all came before, and it ended before that was seen
	}
	body, from, err := p.open(ctx, f.Name, part.Have())
	if err != nil {
		return err
	}
	defer body.Close()
	if from != part.Have() {
		if err := part.Restart(); err != nil {
			return err
		}
	}
	// One byte more than there may be, which Write refuses.
	_, err = io.Copy(part, io.LimitReader(body, f.Size-part.Have()+1))
	return err
}

// open opens a file beside the list from an offset on, or from its beginning.
func (p Place) open(ctx context.Context, name string, offset int64) (io.ReadCloser, int64, error) {
	if IsAddress(p.at) {
		base, err := url.Parse(p.at)
		if err != nil {
			return nil, 0, err
		}
		return p.get(ctx, base.ResolveReference(&url.URL{Path: name}).String(), offset)
	}
	file, err := os.Open(filepath.Join(filepath.Dir(p.at), name))
	if err != nil {
		return nil, 0, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, offset, nil
}

// waited is a body that is not waited for for ever.
type waited struct {
	io.ReadCloser
	quiet  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (w waited) Read(b []byte) (int, error) {
	w.timer.Reset(w.quiet)
	n, err := w.ReadCloser.Read(b)
	w.timer.Stop() // whoever reads may be slow
	if cause := context.Cause(w.ctx); err != nil && cause != nil {
		err = cause
	}
	return n, err
}

func (w waited) Close() error {
	w.timer.Stop()
	w.cancel(nil)
	return w.ReadCloser.Close()
}

func (p Place) get(ctx context.Context, address string, offset int64) (_ io.ReadCloser, _ int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			cancel(nil)
		}
	}()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	if offset > 0 {
		ask.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	answer, err := p.client.Do(ask)
	if err != nil {
		return nil, 0, err
	}
	body := waited{answer.Body, p.quiet, ctx, cancel, time.AfterFunc(p.quiet, func() { cancel(errSilent) })}
	switch {
	case answer.StatusCode == http.StatusOK:
		return body, 0, nil
	case offset > 0 && answer.StatusCode == http.StatusPartialContent &&
		strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)):
		return body, offset, nil
	}
	return nil, 0, errors.Join(fmt.Errorf("%s answers %s", address, answer.Status), body.Close())
}

// NewClient returns what fetches from addresses, through the proxy that a setting names:
// environment, none, or its address.
func NewClient(proxy string) (*http.Client, error) {
	road := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: helloTime,
		ResponseHeaderTimeout: helloTime}
	switch proxy {
	case "", "environment":
	case "none":
		road.Proxy = nil
	default:
		via, err := url.Parse(proxy)
		if err != nil {
			return nil, fmt.Errorf("the proxy %q: %w", proxy, err)
		}
		road.Proxy = http.ProxyURL(via)
	}
	return &http.Client{Transport: road}, nil
}
