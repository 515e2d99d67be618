package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// answers are the handlers of every route of the language but the intents, which share
// one.
func (s *Server) answers() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /v1/status":       s.answering(s.status),
		"GET /v1/status/watch": s.streaming(s.watch),
		"GET /v1/events":       s.streaming(s.events),
		"GET /v1/logs":         s.answering(s.logs),
		"GET /v1/logs/follow":  s.streaming(s.followLogs),
		"POST /v1/wait":        s.answering(s.wait),
		"POST /v1/link":        s.streaming(s.link),
		"GET /v1/openapi.json": s.answering(s.description),
	}
}

func (s *Server) routes() http.Handler {
	routes := http.NewServeMux()
	for pattern, answer := range s.answers() {
		routes.HandleFunc(pattern, answer)
	}
	routes.HandleFunc("POST /v1/intents/{kind}", s.answering(s.do))
	routes.HandleFunc("/", s.answering(func(r *http.Request, _ []byte) (any, error) {
		return nil, api.Errorf(api.Usage, "this agent does not know %s %s; "+
			"program and agent may be of different versions", r.Method, r.URL.Path)
	}))
	return s.guarded(routes)
}

// guarded refuses what a web page may have sent. No browser reaches a Unix socket by
// itself, but programs that carry requests from a port to the socket exist, and a page
// must not be able to use one: it can neither choose the host nor hide where it comes from.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case host != "agent" && host != "localhost":
			err = api.Errorf(api.Forbidden, "the host %q is not this agent: ask http://agent/", r.Host)
		case r.Header.Get("Origin") != "", site != "" && site != "none":
			err = api.Errorf(api.Forbidden, "web pages may not ask this agent")
		default:
			next.ServeHTTP(w, r)
			return
		}
		s.refuse(w, r, err)
	})
}

func (s *Server) description(*http.Request, []byte) (any, error) { return api.Description, nil }

func (s *Server) status(*http.Request, []byte) (any, error) { return s.agent.Status(), nil }

func (s *Server) do(r *http.Request, body []byte) (any, error) {
	intent, err := api.ParseIntent(r.PathValue("kind"), body)
	if err != nil {
		return nil, err
	}
	return s.agent.Do(r.Context(), intent)
}

func (s *Server) wait(r *http.Request, body []byte) (any, error) {
	ask, err := api.ParseWait(body)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	if limit := ask.Timeout(); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	missing, err := s.agent.Wait(ctx, ask.Folder, ask.Device)
	late := errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
	switch {
	case err != nil && !late:
		return nil, err
	case err == nil && len(missing) == 0:
		return api.WaitAnswer{Equal: true, Missing: []string{}}, nil
	case len(missing) == 0:
		missing = []string{"the agent could not say in time what is missing"}
	}
	return api.WaitAnswer{Missing: missing}, nil
}

func (s *Server) watch(r *http.Request, send func(any) error) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var last []byte
	for {
		view, err := json.Marshal(s.agent.Status())
		if err != nil {
			return err
		}
		if !bytes.Equal(view, last) {
			if err := send(json.RawMessage(view)); err != nil {
				return err
			}
			last = view
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// since reads the number after which a listener wants to hear.
func since(r *http.Request) (uint64, error) {
	text := r.URL.Query().Get("since")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, api.Errorf(api.Usage, "since %q is not a number", text)
	}
	return n, nil
}

func (s *Server) logs(*http.Request, []byte) (any, error) {
	lines, _ := s.agent.Logs(0)
	if lines == nil {
		lines = []status.LogLine{}
	}
	return lines, nil
}

func (s *Server) followLogs(r *http.Request, send func(any) error) error {
	last, err := since(r)
	if err != nil {
		return err
	}
	for {
		lines, more := s.agent.Logs(last)
		for _, line := range lines {
			if err := send(line); err != nil {
				return err
			}
			last = line.Seq
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

func (s *Server) events(r *http.Request, send func(any) error) error {
	since, err := since(r)
	if err != nil {
		return err
	}
	return s.agent.Events(r.Context(), since, func(e status.Event) error { return send(e) })
}

// link reads its request before it streams, as the other streams have none.
func (s *Server) link(r *http.Request, send func(any) error) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, api.BodyMax))
	if err != nil {
		return api.Errorf(api.Usage, "the request ended early: %v", err)
	}
	ask, err := api.ParseLinkRequest(body)
	if err != nil {
		return err
	}
	told := false
	err = s.agent.Link(r.Context(), ask, func(e api.LinkEvent) error {
		told = true
		return send(e)
	})
	if err == nil || !told || r.Context().Err() != nil {
		return err
	}
	// The answer has begun, so why it ends can only be said in it.
	failure := api.AsError(err)
	return send(api.LinkEvent{Event: api.LinkEnded, Kind: failure.Kind, Text: failure.Text})
}

// answering makes a handler of a function that answers with one document.
func (s *Server) answering(
	answer func(r *http.Request, body []byte) (any, error),
) http.HandlerFunc {
	return s.admitted(func(w http.ResponseWriter, r *http.Request) {
		body, err := readBody(w, r)
		var result any
		if err == nil {
			result, err = answer(r, body)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		text, err := json.Marshal(result)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.write(w, r, http.StatusOK, text)
	})
}

// streaming makes a handler of a function that sends lines until it returns. The header
// goes out with the first line, so a request that is refused before still gets its error.
func (s *Server) streaming(
	feed func(r *http.Request, send func(any) error) error,
) http.HandlerFunc {
	return s.admitted(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		started := false
		send := func(value any) error {
			line, err := json.Marshal(value)
			if err != nil {
				return err
			}
			if err := control.SetWriteDeadline(time.Now().Add(lineTimeout)); err != nil {
				return err
			}
			if !started {
				w.Header().Set("Content-Type", "application/jsonl")
				started = true
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
			return control.Flush()
		}
		err := feed(r, send)
		switch {
		case started:
			// Ending the connection tells the client that this was not the whole stream.
			s.log.Debug("stream on the control socket ended", "path", r.URL.Path,
				"reason", err)
			panic(http.ErrAbortHandler)
		case r.Context().Err() != nil:
			panic(http.ErrAbortHandler)
		case err == nil:
			err = errors.New("the agent has nothing to tell any more")
			fallthrough
		default:
			s.refuse(w, r, err)
		}
	})
}

// admitted bounds how many requests are at work at once.
func (s *Server) admitted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			next(w, r)
		default:
			s.refuse(w, r, api.Errorf(api.Failed,
				"the agent is busy with %d other requests: try again", requestsMax))
		}
	}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is left to read it, or the agent stops
	}
	failure := api.AsError(err)
	text, err := json.Marshal(failure)
	if err != nil {
		text = []byte(`{"kind":"failed","text":"the agent's error cannot be written"}`)
	}
	s.write(w, r, failure.HTTPStatus(), text)
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, code int, text []byte) {
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(lineTimeout))
	if err == nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, err = w.Write(append(text, '\n'))
	}
	if err != nil {
		s.log.Debug("answer on the control socket was lost", "path", r.URL.Path,
			"reason", err)
	}
}

// readBody reads a whole request within its time. The deadline is lifted afterwards: it
// would otherwise end the wait for a client that goes away, and the request with it.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.BodyMax))
	if err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return nil, api.Errorf(api.Usage, "the request is longer than %d bytes",
				long.Limit)
		}
		return nil, api.Errorf(api.Usage, "the request ended early: %v", err)
	}
	return body, control.SetReadDeadline(time.Time{})
}
