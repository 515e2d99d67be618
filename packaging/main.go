// Command packaging makes what people install: packages for Debian and Fedora with all
// that belongs to them, and archives of the bare program for every system.
//
// It knows where files go on each system and what is written beside the program. It leaves
// compiling to the go command, and package formats to nfpm. `make package` calls it. The
// same source tree, version and Go make the same files, byte for byte, on any machine: all
// times are those of the commit, and nothing is read from the machine it runs on.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	var r release
	flag.StringVar(&r.source, "source", ".", "DIR where shoal's source is")
	flag.StringVar(&r.out, "out", "bin/package", "DIR that the files go to; it is emptied first")
	flag.StringVar(&r.version, "version", "", "VERSION the program tells (default: as git describes the commit)")
	only := flag.String("only", "", "SYSTEM/ARCH to make files for, such as linux/amd64 (default: all)")
	flag.BoolVar(&r.window, "window", false, "also make the program with the window, for this system and for Windows (needs C compilers)")
	key := flag.String("key", "", "sign the release with the key in `FILE`")
	fresh := flag.String("new-key", "", "make a new key in `FILE`, and FILE.pub, and nothing else")
	known := flag.String("keys", "", "build programs that believe the public keys in `FILES`, by commas "+
		"(default: packaging/release.pub, if there is one)")
	signOnly := flag.Bool("sign-only", false, "make nothing, and sign what is there")
	flag.Parse()
	var err error
	switch {
	case *fresh != "":
		err = r.newKey(*fresh)
	case *signOnly:
		err = r.signAlone(*key)
	default:
		err = r.run(*only, *known, *key)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

// run makes a release, and signs it if there is a key.
func (r *release) run(only, known, key string) error {
	err := r.prepare()
	if err == nil {
		r.keys, err = publicKeys(r.keyFiles(known))
	}
	if err == nil {
		err = r.make(only)
	}
	if err != nil || key == "" {
		return err
	}
	return r.sign(key)
}

func (r *release) keyFiles(known string) string {
	if usual := filepath.Join(r.source, "packaging/release.pub"); known == "" {
		if _, err := os.Stat(usual); err == nil {
			return usual
		}
	}
	return known
}

// platforms are the systems and processors that files are made for.
var platforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// release is one version being packaged.
type release struct {
	source, out string
	version     string    // as the program tells it
	when        time.Time // of all that is in packages
	window      bool      // whether the program with the window is made as well
	keys        string    // public keys that the programs believe, by commas
}

// prepare completes r from the commit of the source tree. SOURCE_DATE_EPOCH, in seconds
// since 1970, takes the place of the commit's time where there is no repository.
func (r *release) prepare() (err error) {
	if r.source, err = filepath.Abs(r.source); err != nil {
		return err
	}
	if r.version == "" {
		if r.version, err = r.git("describe", "--tags", "--always", "--dirty"); err != nil {
			return fmt.Errorf("%w\ngive a -version where there is no repository", err)
		}
	}
	stamp := os.Getenv("SOURCE_DATE_EPOCH")
	if stamp == "" {
		if stamp, err = r.git("log", "-1", "--format=%ct"); err != nil {
			return fmt.Errorf("%w\nset SOURCE_DATE_EPOCH where there is no repository", err)
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH is not a number of seconds: %w", err)
	}
	r.when = time.Unix(seconds, 0).UTC()
	return nil
}

func (r *release) git(args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", r.source}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// make fills r.out with the files of one platform, or of all if only is empty.
func (r *release) make(only string) error {
	chosen := platforms
	if only != "" {
		if !slices.Contains(platforms, only) {
			return fmt.Errorf("%s is none of %s", only, strings.Join(platforms, ", "))
		}
		chosen = []string{only}
	}
	work, err := os.MkdirTemp("", "shoal-packaging")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := errors.Join(os.RemoveAll(r.out), os.MkdirAll(r.out, 0o755)); err != nil {
		return err
	}
	texts, err := r.texts(work)
	if err != nil {
		return err
	}
	for _, platform := range chosen {
		if err := r.platform(work, platform, texts); err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
	}
	return r.checksums()
}

func (r *release) platform(work, platform string, texts texts) error {
	system, arch, _ := strings.Cut(platform, "/")
	built, err := r.build(filepath.Join(work, "shoal-"+system+"-"+arch), system, arch)
	if err != nil {
		return err
	}
	if err := r.archive([]program{built}, texts); err != nil {
		return err
	}
	if err := r.bill(built); err != nil {
		return err
	}
	if system == "linux" {
		if err := r.linux(work, headless, built, texts); err != nil {
			return err
		}
	}
	if system == "windows" {
		if err := r.installer(work, []program{built}, texts); err != nil {
			return err
		}
	}
	compiler, can := windowCompiler(platform)
	switch {
	case r.window && can:
		return r.windowed(work, compiler, built, texts)
	case r.window:
		fmt.Fprintf(os.Stderr, "packaging: SKIPPED: the window for %s is not compiled here\n", platform)
	}
	return nil
}

// windowCompiler is what compiles the C in the window for a platform: the machine's own for
// its own kind, and for Windows one that may be installed anywhere.
func windowCompiler(platform string) (compiler string, can bool) {
	if platform == runtime.GOOS+"/"+runtime.GOARCH {
		return "", true
	}
	if platform != "windows/amd64" {
		return "", false
	}
	_, err := exec.LookPath(windowsCompiler)
	return windowsCompiler, err == nil
}

// windowed makes what has the window in it, for the platform that bare was made for.
func (r *release) windowed(work, compiler string, bare program, texts texts) error {
	window, err := r.buildWindow(filepath.Join(work, "shoal-window-"+bare.system), compiler, bare)
	if err != nil {
		return err
	}
	if texts.licences, err = r.licences("desktop"); err != nil {
		return err
	}
	// On Windows a program either has a console or has none, so there are both.
	programs := []program{window}
	if bare.system == "windows" {
		programs = append(programs, bare)
	}
	if err := r.archive(programs, texts); err != nil {
		return err
	}
	if err := r.bill(window); err != nil {
		return err
	}
	switch bare.system {
	case "linux":
		return r.linux(work, desktop, window, texts)
	case "windows":
		return r.installer(work, programs, texts)
	case "darwin":
		return r.mac(work, window, texts)
	}
	return nil
}

// sumsName is the file of checksums.
const sumsName = "SHA256SUMS"

// checksums writes SHA256SUMS, in the form that sha256sum -c reads.
func (r *release) checksums() error {
	made, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, file := range made {
		if noFile(file.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(r.out, file.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), file.Name())
	}
	return r.write(sumsName, []byte(sums.String()))
}

func (r *release) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(r.out, name), content, 0o644)
}
