package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/status"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// TestDescription: the description is what the types say. A change of the language shows
// as a change of the file, and is seen by whoever reads it.
func TestDescription(t *testing.T) {
	want := describe(t)
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("openapi.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("openapi.json is not what the types say (%v): run go test ./app/api -update", err)
	}
}

// TestEverythingIsExplained: whoever reads the description finds a sentence about every
// type, and an example of how to ask would be understood.
func TestEverythingIsExplained(t *testing.T) {
	var d struct {
		Paths map[string]map[string]struct {
			Summary   string
			Responses map[string]any
		}
		Components struct {
			Schemas map[string]struct{ Description string }
		}
	}
	if err := json.Unmarshal(describe(t), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Paths) != len(Routes()) {
		t.Errorf("%d paths are described, there are %d", len(d.Paths), len(Routes()))
	}
	for path, methods := range d.Paths {
		for method, route := range methods {
			if route.Summary == "" || route.Responses["200"] == nil || route.Responses["default"] == nil {
				t.Errorf("%s %s is described as %+v", method, path, route)
			}
		}
	}
	for name, schema := range d.Components.Schemas {
		if schema.Description == "" {
			t.Errorf("nothing is said about %s", name)
		}
	}
	if len(d.Components.Schemas) < 20 {
		t.Errorf("only %d types are described", len(d.Components.Schemas))
	}
}

// object is a JSON object; package json writes its keys in order.
type object = map[string]any

// describer makes the description of types, and remembers what it has described.
type describer struct {
	t       *testing.T
	words   words
	schemas object
}

func describe(t *testing.T) []byte {
	t.Helper()
	d := &describer{t: t, words: readWords(t, ".", "../status", "../../internal/ident"), schemas: object{}}
	paths := object{}
	for _, r := range Routes() {
		paths[r.Path] = object{strings.ToLower(r.Method): d.route(r)}
	}
	text, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "The local API of shoal", "version": "1",
			"description": "Spoken over the Unix socket agent.sock in the home of the agent, which only its user can " +
				"reach. The host is \"agent\": curl --unix-socket HOME/agent.sock http://agent/v1/status",
		},
		"servers":    []any{object{"url": "http://agent"}},
		"paths":      paths,
		"components": object{"schemas": d.schemas},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func (d *describer) route(r Route) object {
	kind := "application/json"
	if r.Lines {
		kind = "application/jsonl"
	}
	out := object{
		"summary": r.Says,
		"responses": object{
			"200": object{"description": r.Says, "content": object{kind: object{"schema": d.schema(r.Answer)}}},
			"default": object{"description": "what went wrong", "content": object{
				"application/json": object{"schema": d.schema(reflect.TypeFor[Error]())}}},
		},
	}
	if r.Ask != nil {
		out["requestBody"] = object{"required": true, "content": object{
			"application/json": object{"schema": d.schema(r.Ask)}}}
	}
	if r.Since {
		out["parameters"] = []any{object{"name": "since", "in": "query", "schema": object{"type": "integer"},
			"description": "the number after which to begin; what is remembered comes first"}}
	}
	return out
}

var textual = reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()

func (d *describer) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t == reflect.TypeFor[status.Moment]():
		return object{"type": []string{"string", "null"}, "format": "date-time"}
	case t == reflect.TypeFor[status.Measured]():
		return object{"type": []string{"number", "null"}}
	case t.Kind() == reflect.Pointer:
		return object{"oneOf": []any{d.schema(t.Elem()), object{"type": "null"}}}
	case t.Implements(textual):
		return d.named(t, object{"type": "string"})
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.structure(t)
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.String:
		if values := d.words.values[nameOf(t)]; len(values) > 0 {
			return d.named(t, object{"type": "string", "examples": values})
		}
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	}
	if t.Kind() < reflect.Int || t.Kind() > reflect.Uint64 {
		d.t.Fatalf("%s cannot be described", t)
	}
	return object{"type": "integer"}
}

// nameOf is the package and the name of a type: two packages have a Folder.
func nameOf(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return t.String()
}

func (d *describer) structure(t reflect.Type) object {
	if nameOf(t) == "" {
		d.t.Fatalf("%s has no name to be described under", t)
	}
	if d.schemas[nameOf(t)] != nil {
		return d.named(t, nil)
	}
	d.schemas[nameOf(t)] = object{} // it may hold itself
	properties, required := object{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		name, rest, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			continue // its fields are among the visible ones
		}
		if name == "" {
			d.t.Fatalf("%s.%s has no name in JSON", t, field.Name)
		}
		property := d.schema(field.Type)
		if says := d.words.fields[nameOf(t)+"."+field.Name]; says != "" {
			property["description"] = says
		}
		properties[name] = property
		if !strings.Contains(rest, "omit") {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	delete(d.schemas, nameOf(t))
	return d.named(t, object{"type": "object", "properties": properties, "required": required})
}

// named puts a type among the components and refers to it.
func (d *describer) named(t reflect.Type, schema object) object {
	if schema != nil && d.schemas[nameOf(t)] == nil {
		if says := d.words.types[nameOf(t)]; says != "" {
			schema["description"] = says
		}
		d.schemas[nameOf(t)] = schema
	}
	return object{"$ref": "#/components/schemas/" + nameOf(t)}
}

// words are what stands above types and fields, and the values that constants give to
// types.
type words struct {
	types  map[string]string
	fields map[string]string
	values map[string][]string
}

func readWords(t *testing.T, dirs ...string) words {
	t.Helper()
	w := words{map[string]string{}, map[string]string{}, map[string][]string{}}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+e.Name(), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				if list, ok := decl.(*ast.GenDecl); ok {
					w.take(file.Name.Name+".", list)
				}
			}
		}
	}
	return w
}

func (w words) take(in string, list *ast.GenDecl) {
	for _, spec := range list.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			w.types[in+spec.Name.Name] = says(list.Doc, spec.Doc)
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, name := range f.Names {
						w.fields[in+spec.Name.Name+"."+name.Name] = says(f.Doc, f.Comment)
					}
				}
			}
		case *ast.ValueSpec:
			of, ok := spec.Type.(*ast.Ident)
			for _, value := range spec.Values {
				literal, isText := value.(*ast.BasicLit)
				if ok && isText && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						w.values[in+of.Name] = append(w.values[in+of.Name], text)
					}
				}
			}
		}
	}
}

func says(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			return text
		}
	}
	return ""
}
