package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

const (
	maintainer = "Shoal maintainers <shoal-sync@users.noreply.github.com>"
	homepage   = "https://github.com/shoal-sync/shoal"
	about      = "Your devices talk to each other, encrypted, and to nobody else: no account,\n" +
		"no cloud, no server. Changes made anywhere arrive everywhere, and no edit is\n" +
		"lost: of two at the same time, both stay.\n"
)

// flavour is one of the two packages: the program with a window, or without one. Both
// hold /usr/bin/shoal, so a system has one of them.
type flavour struct {
	name, other string
	summary     string
	contents    string // the last sentence of the description
	section     string
}

var (
	headless = flavour{"shoal-headless", "shoal", "keeps folders the same on all your devices, without a display",
		"This package holds the agent, the command line and the rendezvous server.", "net"}
	desktop = flavour{"shoal", "shoal-headless", "keeps folders the same on all your devices",
		"This package holds the window, the agent and the command line.", "net"}
)

var described = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)(?:-([a-z][0-9a-z.]*))?(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$`)

// packageVersion turns what git says of a commit into a version that dpkg and rpm order as
// it was made: 1.2~rc1 before 1.2 before 1.2+3.gab12 (three commits later). A commit of a
// tree without tags comes before all of them, by its time.
func packageVersion(version string, when time.Time) string {
	m := described.FindStringSubmatch(version)
	if m == nil {
		return "0~" + when.Format("20060102150405") + "." +
			regexp.MustCompile(`[^0-9A-Za-z]+`).ReplaceAllString(version, ".")
	}
	out := m[1]
	if m[2] != "" {
		out += "~" + m[2]
	}
	if m[3] != "" {
		out += "+" + m[3] + ".g" + m[4]
	}
	if m[5] != "" {
		out += "+dirty"
	}
	return out
}

// linux makes a .deb and an .rpm of a program.
func (r *release) linux(work string, f flavour, p program, t texts) error {
	items, err := r.installed(f, p, t)
	if err != nil {
		return err
	}
	for _, kind := range []string{"deb", "rpm"} {
		if err := r.format(work, kind, f, p, items); err != nil {
			return fmt.Errorf("%s of %s: %w", kind, f.name, err)
		}
	}
	return nil
}

// format adds to items what one kind of package has of its own, and packs them.
func (r *release) format(work, kind string, f flavour, p program, items []item) error {
	own := slices.Clone(items)
	if kind == "rpm" { // zsh looks elsewhere there
		for i := range own {
			own[i].path = strings.Replace(own[i].path, "zsh/vendor-completions/", "zsh/site-functions/", 1)
		}
	} else {
		extra, err := r.debian(f)
		if err != nil {
			return err
		}
		own = append(own, extra...)
	}
	needs, err := libraries(p, kind)
	if err != nil {
		return err
	}
	stage, err := os.MkdirTemp(work, kind)
	if err != nil {
		return err
	}
	contents, err := r.stage(stage, f, own)
	if err != nil {
		return err
	}
	if kind == "rpm" {
		markDocs(contents)
	}
	return r.pack(kind, f, p.arch, needs, contents)
}

// markDocs tells rpm which files are documentation: it can leave them out.
func markDocs(contents files.Contents) {
	for _, c := range contents {
		switch {
		case c.Type == files.TypeDir:
		case path.Base(c.Destination) == "copyright" || path.Base(c.Destination) == "THIRD-PARTY.gz":
			c.Type = files.TypeRPMLicense
		case strings.HasPrefix(c.Destination, "/usr/share/doc/") || strings.HasPrefix(c.Destination, "/usr/share/man/"):
			c.Type = files.TypeRPMDoc
		}
	}
}

// installed lists what is in a package on every distribution.
func (r *release) installed(f flavour, p program, t texts) ([]item, error) {
	binary, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	manual, err := gzipped(t.manual)
	if err != nil {
		return nil, err
	}
	doc := "usr/share/doc/" + f.name + "/"
	items := []item{
		{"usr/bin/shoal", binary, 0o755},
		{"usr/share/man/man1/shoal.1.gz", manual, 0o644},
		{"usr/share/bash-completion/completions/shoal", t.completions["bash"], 0o644},
		{"usr/share/zsh/vendor-completions/_shoal", t.completions["zsh"], 0o644},
		{"usr/share/fish/vendor_completions.d/shoal.fish", t.completions["fish"], 0o644},
	}
	for _, file := range []struct{ from, to string }{
		{"packaging/shoal.service", "usr/lib/systemd/user/shoal.service"},
		{"packaging/shoal@.service", "usr/lib/systemd/system/shoal@.service"},
		{"packaging/shoal-rendezvous.service", "usr/lib/systemd/system/shoal-rendezvous.service"},
		{"packaging/shoal.xml", "usr/lib/firewalld/services/shoal.xml"},
		{"packaging/shoal-rendezvous.xml", "usr/lib/firewalld/services/shoal-rendezvous.xml"},
		{"packaging/firewall.md", doc + "firewall.md"},
		{"README.md", doc + "README.md.gz"},
		{"CHANGELOG.md", doc + "NEWS.gz"},
	} {
		content, err := os.ReadFile(filepath.Join(r.source, file.from))
		if err != nil {
			return nil, err
		}
		switch path.Ext(file.to) {
		case ".service":
			content, err = packagedUnit(f, content)
		case ".gz":
			content, err = gzipped(content)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.from, err)
		}
		items = append(items, item{file.to, content, 0o644})
	}
	third, err := gzipped(t.licences)
	if err != nil {
		return nil, err
	}
	items = append(items, item{doc + "copyright", []byte(copyright), 0o644},
		item{doc + "THIRD-PARTY.gz", third, 0o644})
	if f == desktop {
		shown, err := r.shown()
		return append(items, shown...), err
	}
	return items, nil
}

// packagedUnit is a unit as the package installs it: without the lines on how to install
// it by hand, and for the program's place in the system.
func packagedUnit(f flavour, unit []byte) ([]byte, error) {
	_, rest, found := bytes.Cut(unit, []byte("\n[Unit]\n"))
	if !found {
		return nil, fmt.Errorf("the unit has no [Unit]")
	}
	rest = bytes.ReplaceAll(rest, []byte("ExecStart=%h/.local/bin/shoal"), []byte("ExecStart=/usr/bin/shoal"))
	if !bytes.Contains(rest, []byte("\nExecStart=/usr/bin/shoal ")) {
		return nil, fmt.Errorf("the unit does not start /usr/bin/shoal")
	}
	head := "# Installed by " + f.name + "; `systemctl edit` changes it in a file of its own.\n\n[Unit]\n"
	return append([]byte(head), rest...), nil
}

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: shoal
Source: ` + homepage + `

Files: *
Copyright: 2026 the Shoal authors
License: Apache-2.0
Comment: The program contains modules by others. Which they are, and under which
 licences, is written in THIRD-PARTY.gz beside this file.

License: Apache-2.0
 On Debian systems the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0; elsewhere it is at
 https://www.apache.org/licenses/LICENSE-2.0.
`

// debian lists what only Debian asks for.
func (r *release) debian(f flavour) ([]item, error) {
	changes := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n"+
		"  * What changed is told in NEWS.gz, for people who use shoal.\n\n -- %s  %s\n",
		f.name, packageVersion(r.version, r.when), maintainer, r.when.Format(time.RFC1123Z))
	packed, err := gzipped([]byte(changes))
	if err != nil {
		return nil, err
	}
	overrides, err := os.ReadFile(filepath.Join(r.source, "packaging/lintian", f.name))
	if err != nil {
		return nil, err
	}
	ports, err := os.ReadFile(filepath.Join(r.source, "packaging/ufw/shoal"))
	return []item{
		{"etc/ufw/applications.d/" + f.name, ports, 0o644},
		{"usr/share/doc/" + f.name + "/changelog.gz", packed, 0o644},
		{"usr/share/lintian/overrides/" + f.name, overrides, 0o644},
	}, err
}

// stage puts items where the packager reads them.
func (r *release) stage(dir string, f flavour, items []item) (files.Contents, error) {
	// rpm leaves a directory behind that no package owns.
	all := files.Contents{{Destination: "/usr/share/doc/" + f.name, Type: files.TypeDir,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: 0o755, MTime: r.when}}}
	for _, i := range items {
		source := filepath.Join(dir, filepath.FromSlash(i.path))
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(source, i.content, os.FileMode(i.mode)); err != nil {
			return nil, err
		}
		kind := files.TypeFile
		if strings.HasPrefix(i.path, "etc/") { // whoever changed one keeps it over an update
			kind = files.TypeConfig
		}
		all = append(all, &files.Content{Source: source, Destination: "/" + i.path, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: os.FileMode(i.mode),
				MTime: r.when, Size: int64(len(i.content))}})
	}
	return all, nil
}

func (r *release) pack(kind string, f flavour, arch string, needs []string, contents files.Contents) error {
	script := func(name string) string { return filepath.Join(r.source, "packaging/scripts", name) }
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: f.name, Arch: arch, Platform: "linux", MTime: r.when,
		Version: packageVersion(r.version, r.when), VersionSchema: "none",
		Section: f.section, Priority: "optional", Maintainer: maintainer, Homepage: homepage,
		Vendor: "Shoal", Description: f.summary + "\n" + about + f.contents,
		DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Conflicts: []string{f.other}, Replaces: []string{f.other}, Depends: needs,
			Contents: contents, Umask: 0o022,
			Scripts: nfpm.Scripts{PostInstall: script("installed.sh"), PreRemove: script("leaving.sh"),
				PostRemove: script("removed.sh")},
			RPM: nfpm.RPM{BuildHost: "shoal", Summary: f.summary, Group: "Applications/Internet"},
		},
	})
	var packager nfpm.Packager = deb.Default
	if kind == "rpm" {
		packager = rpm.DefaultRPM
		info.Release, info.License = "1", "Apache-2.0"
		info.RPM.Summary = strings.ToUpper(f.summary[:1]) + f.summary[1:]
		// An update by rpm replaces files by itself, and Replaces would obsolete the other.
		info.Replaces = nil
	}
	if err := nfpm.PrepareForPackager(info, kind); err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := packager.Package(info, &packed); err != nil {
		return err
	}
	return r.write(strings.ReplaceAll(packager.ConventionalFileName(info), "~", "-"), packed.Bytes())
}
