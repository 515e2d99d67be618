package api

import (
	_ "embed"
	"encoding/json"
	"reflect"

	"github.com/shoal-sync/shoal/app/status"
)

// Route is one way to ask the agent: a method, a path and what goes in and comes out.
type Route struct {
	Method string
	Path   string
	Says   string
	// Ask is the type of the request's body, nil when there is none.
	Ask reflect.Type
	// Answer is the type of the answer, or, when Lines, of each line of it.
	Answer reflect.Type
	Lines  bool
	// Since is true when ?since=N asks for what comes after number N.
	Since bool
}

// Routes returns every route the agent answers.
func Routes() []Route {
	out := []Route{
		{Method: "GET", Path: "/v1/status", Says: "everything a person may know right now",
			Answer: reflect.TypeFor[status.View]()},
		{Method: "GET", Path: "/v1/status/watch", Says: "the same, again whenever it has changed",
			Answer: reflect.TypeFor[status.View](), Lines: true},
		{Method: "GET", Path: "/v1/events", Says: "what has happened and happens, numbered",
			Answer: reflect.TypeFor[status.Event](), Lines: true, Since: true},
		{Method: "GET", Path: "/v1/logs", Says: "the latest lines of the log",
			Answer: reflect.TypeFor[[]status.LogLine]()},
		{Method: "GET", Path: "/v1/logs/follow", Says: "the lines of the log as they come",
			Answer: reflect.TypeFor[status.LogLine](), Lines: true, Since: true},
		{Method: "POST", Path: "/v1/wait", Says: "an answer when folders are verified equal",
			Ask: reflect.TypeFor[WaitRequest](), Answer: reflect.TypeFor[WaitAnswer]()},
		{Method: "POST", Path: "/v1/link", Says: "link with another device; what happens, until it is done",
			Ask: reflect.TypeFor[LinkRequest](), Answer: reflect.TypeFor[LinkEvent](), Lines: true},
		{Method: "GET", Path: "/v1/openapi.json", Says: "this description",
			Answer: reflect.TypeFor[json.RawMessage]()},
	}
	for _, k := range kinds {
		out = append(out, Route{
			Method: "POST", Path: "/v1/intents/" + k.word, Says: k.says, Ask: k.ask, Answer: k.answer,
		})
	}
	return out
}

// Description is the OpenAPI document of the routes. It is made from the types of this
// program and what is written above them: go test ./app/api -update.
//
//go:embed openapi.json
var Description json.RawMessage
