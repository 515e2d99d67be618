package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/shoal-sync/shoal/app/status"
)

// dialTimeout bounds how long an agent may take to accept. Accepting costs it nothing, so
// one that needs longer is stuck.
const dialTimeout = 5 * time.Second

// statusTimeout bounds how long an agent may take to say how it is: it keeps the view
// ready, so one that needs longer is stuck.
const statusTimeout = 30 * time.Second

// Client talks to the agent of one home. Its methods may be called from any goroutine and
// end early with the context.
type Client struct {
	home string
	http *http.Client
}

// NewClient returns a client for the agent of the given home. It does not look yet
// whether one is running: each call says so with an Error of kind NoAgent.
func NewClient(home string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return DialSocket(ctx, home)
	}
	return &Client{home: home, http: &http.Client{
		Transport: &http.Transport{DialContext: dial, DisableCompression: true},
	}}
}

// Close lets go of connections that are kept for the next call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns what a person may know right now.
func (c *Client) Status(ctx context.Context) (v status.View, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	return v, c.call(ctx, "/v1/status", nil, &v)
}

// Do asks for an intent to be carried out and returns its result as JSON; see the intent
// for what that is.
func (c *Client) Do(ctx context.Context, intent Intent) (result json.RawMessage, err error) {
	return result, c.call(ctx, "/v1/intents/"+KindOf(intent), intent, &result)
}

// Wait returns when what r asks for is true or its time is over.
func (c *Client) Wait(ctx context.Context, r WaitRequest) (answer WaitAnswer, err error) {
	return answer, c.call(ctx, "/v1/wait", r, &answer)
}

// Watch delivers the present view, and another whenever it changed. It ends with the
// error of deliver, or with one of kind NoAgent when the agent goes away.
func (c *Client) Watch(ctx context.Context, deliver func(status.View) error) error {
	return stream(ctx, c, "/v1/status/watch", deliver)
}

// Events delivers every remembered event numbered above since, then those that come. It
// ends as Watch does.
func (c *Client) Events(
	ctx context.Context, since uint64, deliver func(status.Event) error,
) error {
	query := url.Values{"since": {strconv.FormatUint(since, 10)}}
	return stream(ctx, c, "/v1/events?"+query.Encode(), deliver)
}

// Logs returns the latest lines of the agent's log.
func (c *Client) Logs(ctx context.Context) (lines []status.LogLine, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	return lines, c.call(ctx, "/v1/logs", nil, &lines)
}

// FollowLogs delivers every remembered line numbered above since, then those that come. It
// ends as Watch does.
func (c *Client) FollowLogs(
	ctx context.Context, since uint64, deliver func(status.LogLine) error,
) error {
	query := url.Values{"since": {strconv.FormatUint(since, 10)}}
	return stream(ctx, c, "/v1/logs/follow?"+query.Encode(), deliver)
}

func (c *Client) call(ctx context.Context, path string, ask, into any) error {
	answer, err := c.send(ctx, path, ask)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := bounded(answer.Body, lineMax)
	if err != nil {
		return c.explain(ctx, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read the agent's answer: %w", err)
	}
	return nil
}

func stream[T any](ctx context.Context, c *Client, path string, deliver func(T) error) error {
	answer, err := c.send(ctx, path, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var ours error
	err = readLines(answer.Body, func(value T) error {
		ours = deliver(value)
		return ours
	})
	if ours != nil {
		return ours
	}
	return c.explain(ctx, err)
}

// send posts ask, or gets when there is nothing to ask, and returns an answer that is not
// an error. The caller closes its body.
func (c *Client) send(ctx context.Context, path string, ask any) (*http.Response, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if ask != nil {
		text, err := json.Marshal(ask)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		method, body = http.MethodPost, bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, body)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	text, err := bounded(answer.Body, BodyMax)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	failure := &Error{}
	if json.Unmarshal(text, failure) != nil || failure.Text == "" {
		return nil, Errorf(Failed, "what listens in %s is no shoal agent: it answered %q",
			c.home, answer.Status)
	}
	return nil, failure
}

// explain turns what the network says into what a person can act on.
func (c *Client) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return Errorf(Timeout, "the agent in %s did not answer in time", c.home)
	case errors.Is(err, fs.ErrNotExist), Refused(err):
		return Errorf(NoAgent, "no agent is running in %s: start it with `shoal --nogui`",
			c.home)
	case errors.Is(err, fs.ErrPermission):
		return Errorf(Failed, "the agent in %s belongs to another user", c.home)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Errorf(NoAgent, "the agent in %s stopped while it was asked", c.home)
	}
	return fmt.Errorf("ask the agent in %s: %w", c.home, err)
}

func bounded(from io.Reader, most int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, errors.New("the answer is too long")
	}
	return text, nil
}
