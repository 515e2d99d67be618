// Package mutants breaks the program on purpose, one line at a time, and asks the tests
// whether they notice. A test that cannot fail proves nothing; a mutation that no test
// kills names a behaviour nobody looks at.
//
// It knows lines of other packages' files and which tests answer for them. The broken file
// is laid over the real one when the tests are compiled, so nothing in the tree is touched.
// "make mutants" runs all of them.
package mutants

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mutation is one line that is broken.
type mutation struct {
	name string // what is broken, in words
	file string // from the top of the tree
	old  string // occurs once in the file
	new  string
	// dir and run are the package and the tests that should notice.
	dir, run string
}

// apply returns the file with the line broken.
func (m *mutation) apply(top string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(top, m.file))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return nil, fmt.Errorf("%q is %d times in %s, not once: the mutation is out of date", m.old, n, m.file)
	}
	return []byte(strings.Replace(string(text), m.old, m.new, 1)), nil
}

// plant writes the broken file into dir, with the overlay that lays it over the real one,
// and returns the overlay's name.
func (m *mutation) plant(top, dir string) (string, error) {
	broken, err := m.apply(top)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "broken.go")
	if err := os.WriteFile(file, broken, 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(top, m.file): file},
	})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, overlay, 0o600)
}
