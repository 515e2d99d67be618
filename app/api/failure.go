package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

// ErrorKind says what sort of failure an Error is: the part of it programs decide on.
type ErrorKind string

// The kinds of failures.
const (
	Usage    ErrorKind = "usage"     // the request itself makes no sense
	NotFound ErrorKind = "not-found" // no folder or device of that id or name
	Failed   ErrorKind = "failed"    // understood, but it could not be done
	Timeout  ErrorKind = "timeout"   // the time given was over
	NoAgent  ErrorKind = "no-agent"  // nobody answers on the socket
	// Forbidden says that whoever asks may not.
	Forbidden ErrorKind = "forbidden"
)

// Error is a failure as it travels: its kind for programs, its text for people.
type Error struct {
	Kind ErrorKind `json:"kind"`
	Text string    `json:"text"`
}

// Error returns the text for people.
func (e *Error) Error() string { return e.Text }

// Errorf returns an Error of the given kind.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// AsError returns err as it travels: the Error wrapped in it with the whole text, or a
// plain failure.
func AsError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return &Error{Kind: known.Kind, Text: err.Error()}
	}
	return &Error{Kind: Failed, Text: err.Error()}
}

// HTTPStatus returns the status code an answer with this error carries.
func (e *Error) HTTPStatus() int {
	switch e.Kind {
	case Usage:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case Timeout:
		return http.StatusGatewayTimeout
	case Forbidden:
		return http.StatusForbidden
	case NoAgent:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// FindFolder returns the one folder of the view that text names by id or by name. An id
// goes before a name, and a name that several folders have is refused with their ids.
func FindFolder(v status.View, text string) (status.Folder, error) {
	id, err := ident.ParseFolder(text)
	isID := err == nil
	var named []status.Folder
	for _, f := range v.Folders {
		if isID && f.ID == id {
			return f, nil
		}
		if f.Name == text {
			named = append(named, f)
		}
	}
	ids := make([]string, len(named))
	for i, f := range named {
		ids[i] = f.ID.String()
	}
	if err := single("folder", text, ids); err != nil {
		return status.Folder{}, err
	}
	return named[0], nil
}

// FindDevice returns the one device of the view that text names, as FindFolder does, or by
// the first group of its id, which lists show.
func FindDevice(v status.View, text string) (status.Device, error) {
	id, err := ident.ParseDevice(text)
	isID := err == nil
	var named []status.Device
	for _, d := range v.Devices {
		if isID && d.ID == id {
			return d, nil
		}
		if d.Name == text || strings.EqualFold(d.ID.Short(), text) {
			named = append(named, d)
		}
	}
	ids := make([]string, len(named))
	for i, d := range named {
		ids[i] = d.ID.String()
	}
	if err := single("device", text, ids); err != nil {
		return status.Device{}, err
	}
	return named[0], nil
}

func single(what, text string, ids []string) error {
	switch len(ids) {
	case 0:
		return Errorf(NotFound, "no %s has the id or name %q; see `shoal %s list`",
			what, text, what)
	case 1:
		return nil
	}
	return Errorf(Failed, "%d %ss are named %q; use one of their ids instead: %s",
		len(ids), what, text, strings.Join(ids, ", "))
}
