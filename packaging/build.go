package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// program is shoal, compiled for one platform.
type program struct {
	system, arch string
	path         string
	window       bool
}

// name is what files made of the program begin with.
func (r *release) name(p program) string {
	name := "shoal-" + r.version + "-" + p.system + "-" + p.arch
	if p.window {
		name += "-desktop"
	}
	return name
}

// exe is what the program is called where it is installed.
func (p program) exe() string {
	switch {
	case p.system != "windows":
		return "shoal"
	case p.window:
		return "shoal-window.exe"
	}
	return "shoal.exe"
}

func (r *release) build(path, system, arch string) (program, error) {
	p := program{system, arch, path, false}
	_, err := r.gocmd([]string{"GOOS=" + system, "GOARCH=" + arch}, "build", "-trimpath", "-buildvcs=false",
		"-ldflags", r.linked(), "-o", path, "./app/shoal")
	if err == nil && system == "windows" {
		err = r.dress(p)
	}
	return p, err
}

// linked is what every program is told: its version, and whose releases it believes.
func (r *release) linked() string {
	return "-s -w -X main.version=" + r.version + " -X main.releaseKeys=" + r.keys
}

// buildWindow compiles the program with the window for the platform that bare is for. No
// compiler named means this machine's.
func (r *release) buildWindow(path, compiler string, bare program) (program, error) {
	p := program{bare.system, bare.arch, path, true}
	env := []string{"GOOS=" + p.system, "GOARCH=" + p.arch, "CGO_ENABLED=1", "CGO_CFLAGS=-O2 -g", "CGO_LDFLAGS=-O2 -g"}
	if compiler != "" {
		env = append(env, "CC="+compiler)
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-tags", "desktop"}
	link := r.linked()
	switch p.system {
	case "windows":
		link += " -H windowsgui" // opened from the desktop, it shows no console
	case "linux":
		// C in it does not keep its own bounds, so where it lies in memory is not to be known.
		args = append(args, "-buildmode=pie")
		env[4] = "CGO_LDFLAGS=-O2 -g -Wl,-z,relro,-z,now"
	}
	_, err := r.gocmd(env, append(args, "-ldflags", link, "-o", path, "./app/shoal")...)
	if err == nil && p.system == "windows" {
		err = r.dress(p)
	}
	return p, err
}

// gocmd runs the go command in the source tree. What a machine or a person has set for
// themselves must not change what is built.
func (r *release) gocmd(env []string, args ...string) ([]byte, error) { return r.gorun(env, nil, args) }

// goFed is gocmd for a program that reads what it is given.
func (r *release) goFed(in io.Reader, args ...string) ([]byte, error) { return r.gorun(nil, in, args) }

func (r *release) gorun(env []string, in io.Reader, args []string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Stdin = in
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0")
	cmd.Env = append(cmd.Env, env...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, errs.String())
	}
	return out, nil
}

// texts are what is written beside the program, the same for every platform.
type texts struct {
	manual      []byte            // shoal.1
	completions map[string][]byte // by shell
	licences    []byte            // of every module that is in the program
}

// texts asks the program itself, built for this machine.
func (r *release) texts(work string) (t texts, err error) {
	own, err := r.build(filepath.Join(work, "shoal-here"), runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return t, err
	}
	ask := func(args ...string) []byte {
		cmd := exec.Command(own.path, args...)
		cmd.Env = append(os.Environ(), "LC_ALL=C", "SHOAL_HOME="+filepath.Join(work, "home"))
		out, failed := cmd.Output()
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("shoal %s: %w", strings.Join(args, " "), failed))
		}
		return out
	}
	t.manual = ask("help", "--man")
	t.completions = map[string][]byte{}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.completions[shell] = ask("completion", shell)
	}
	if err != nil {
		return t, err
	}
	t.licences, err = r.licences("")
	return t, err
}

// module is one of the modules that the program is made of.
type module struct {
	Path, Version, Dir string
	Main               bool
}

// modules lists what the program, built with tags, contains on any platform, in the order
// of their paths.
func (r *release) modules(tags string) ([]module, error) {
	found := map[string]module{}
	for _, platform := range platforms {
		system, arch, _ := strings.Cut(platform, "/")
		out, err := r.gocmd([]string{"GOOS=" + system, "GOARCH=" + arch},
			"list", "-deps", "-tags", tags, "-f", "{{with .Module}}{{if not .Main}}"+
				`{"Path":{{printf "%q" .Path}},"Version":{{printf "%q" .Version}},"Dir":{{printf "%q" .Dir}}}`+
				"{{end}}{{end}}", "./app/shoal")
		if err != nil {
			return nil, err
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var m module
			if err := d.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("go list: %w", err)
			}
			found[m.Path] = m
		}
	}
	var all []module
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// licences joins the licences of all modules, and of Go itself, which most of them ask to
// be handed on with the program. A module without one may not be shipped.
func (r *release) licences(tags string) ([]byte, error) {
	modules, err := r.modules(tags)
	if err != nil {
		return nil, err
	}
	root, err := r.gocmd(nil, "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	modules = append(modules, module{Path: "The Go standard library", Dir: strings.TrimSpace(string(root))})
	var text bytes.Buffer
	for _, m := range modules {
		names, err := legal(m.Dir)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s has no licence in %s", m.Path, m.Dir)
		}
		for _, name := range names {
			content, err := os.ReadFile(filepath.Join(m.Dir, name))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&text, "==== %s (%s)\n\n%s\n", strings.TrimSpace(m.Path+" "+m.Version), name,
				bytes.TrimSpace(bytes.ReplaceAll(content, []byte("\r"), nil)))
		}
	}
	return text.Bytes(), nil
}

// legal names the files of dir in which licences and notices stand.
func legal(dir string) (names []string, err error) {
	all, err := os.ReadDir(dir)
	for _, file := range all {
		upper := strings.ToUpper(file.Name())
		if file.Type().IsRegular() && (strings.HasPrefix(upper, "LICENSE") ||
			strings.HasPrefix(upper, "LICENCE") || strings.HasPrefix(upper, "COPYING") ||
			strings.HasPrefix(upper, "NOTICE") || upper == "PATENTS") {
			names = append(names, file.Name())
		}
	}
	return names, err
}
