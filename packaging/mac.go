package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// bundleName is what people put among their applications.
const bundleName = "Shoal.app"

// icnsSizes are the types of pictures in an .icns file and their sides in pixels.
var icnsSizes = []struct {
	kind string
	side int
}{{"icp4", 16}, {"ic11", 32}, {"icp5", 32}, {"ic12", 64}, {"ic07", 128}, {"ic08", 256}, {"ic09", 512}, {"ic10", 1024}}

// bundle lists the files of the application that a Mac shows, around a program.
func (r *release) bundle(p program, t texts) ([]item, error) {
	binary, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	drawing, err := os.ReadFile(filepath.Join(r.source, "assets/icon.svg"))
	if err != nil {
		return nil, err
	}
	icon, err := icns(drawing)
	if err != nil {
		return nil, err
	}
	agent, err := os.ReadFile(filepath.Join(r.source, "packaging/app.shoal.agent.plist"))
	if err != nil {
		return nil, err
	}
	licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return nil, err
	}
	in := bundleName + "/Contents/"
	agent = bytes.ReplaceAll(agent, []byte("/usr/local/bin/shoal"), []byte("/Applications/"+in+"MacOS/shoal"))
	return []item{
		{in + "Info.plist", r.infoPlist(), 0o644}, {in + "PkgInfo", []byte("APPL????"), 0o644},
		{in + "MacOS/shoal", binary, 0o755}, {in + "Resources/shoal.icns", icon, 0o644},
		{in + "Resources/app.shoal.agent.plist", agent, 0o644},
		{in + "Resources/LICENSE", licence, 0o644}, {in + "Resources/THIRD-PARTY", t.licences, 0o644},
	}, nil
}

// infoPlist is what a Mac reads of the application. Its versions are numbers only.
func (r *release) infoPlist() []byte {
	n := numbers(packageVersion(r.version, r.when))
	short := fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2])
	var text strings.Builder
	text.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
`)
	for _, pair := range [][2]string{
		{"CFBundleDevelopmentRegion", "en"}, {"CFBundleExecutable", "shoal"}, {"CFBundleIconFile", "shoal"},
		{"CFBundleIdentifier", appID}, {"CFBundleInfoDictionaryVersion", "6.0"}, {"CFBundleName", "Shoal"},
		{"CFBundleDisplayName", "Shoal"}, {"CFBundlePackageType", "APPL"},
		{"CFBundleShortVersionString", short},
		// Commits of one version come one after the other.
		{"CFBundleVersion", fmt.Sprintf("%s.%d", short, r.when.Unix())},
		{"LSApplicationCategoryType", "public.app-category.utilities"},
		{"LSMinimumSystemVersion", "12.0"}, // the oldest that Go supports
		{"NSHumanReadableCopyright", "Copyright 2026 the Shoal authors, Apache-2.0"},
		{"NSLocalNetworkUsageDescription", "Shoal finds your other devices on your network, and keeps folders the same on them."},
	} {
		fmt.Fprintf(&text, "\t<key>%s</key>\n\t<string>%s</string>\n", pair[0], pair[1])
	}
	text.WriteString("\t<key>NSBonjourServices</key>\n\t<array>\n\t\t<string>_shoal._tcp</string>\n\t</array>\n" +
		"\t<key>NSHighResolutionCapable</key>\n\t<true/>\n</dict>\n</plist>\n")
	return []byte(text.String())
}

// icns packs the icon in the sizes a Mac asks for: a head, then each picture with its type
// and its length, both counting themselves.
func icns(drawing []byte) ([]byte, error) {
	var body bytes.Buffer
	for _, size := range icnsSizes {
		picture, err := raster(drawing, size.side)
		if err != nil {
			return nil, err
		}
		var encoded bytes.Buffer
		if err := png.Encode(&encoded, picture); err != nil {
			return nil, err
		}
		body.WriteString(size.kind)
		body.Write(binary.BigEndian.AppendUint32(nil, uint32(8+encoded.Len())))
		body.Write(encoded.Bytes())
	}
	head := binary.BigEndian.AppendUint32([]byte("icns"), uint32(8+body.Len()))
	return append(head, body.Bytes()...), nil
}

// mac makes the application, and on a Mac signs it and puts it into an image. The program
// has a window, so only a Mac has compiled it.
func (r *release) mac(work string, p program, t texts) error {
	items, err := r.bundle(p, t)
	if err != nil {
		return err
	}
	top := filepath.Join(work, "bundle-"+p.arch)
	for _, i := range items {
		at := filepath.Join(top, filepath.FromSlash(i.path))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(at, i.content, os.FileMode(i.mode)); err != nil {
			return err
		}
	}
	if runtime.GOOS != "darwin" {
		return errors.New("an image of an application is made on a Mac")
	}
	if err := os.Symlink("/Applications", filepath.Join(top, "Applications")); err != nil {
		return err
	}
	if err := r.signMac(filepath.Join(top, bundleName), "--options", "runtime", "--deep"); err != nil {
		return err
	}
	image := filepath.Join(r.out, "Shoal-"+r.version+"-"+p.arch+".dmg")
	if err := run("hdiutil", "create", "-volname", "Shoal", "-fs", "HFS+", "-format", "UDZO", "-srcfolder", top, image); err != nil {
		return err
	}
	if err := r.signMac(image); err != nil {
		return err
	}
	return r.notarize(image)
}

// signMac signs for the identity that SHOAL_SIGN_MAC names, and looks whether it did. No
// identity, no signature: macOS then asks people whether they trust the application.
func (r *release) signMac(path string, options ...string) error {
	identity := os.Getenv("SHOAL_SIGN_MAC")
	if identity == "" {
		return nil
	}
	args := append([]string{"--sign", identity, "--timestamp", "--force"}, options...)
	if err := run("codesign", append(args, path)...); err != nil {
		return err
	}
	return run("codesign", "--verify", "--strict", path)
}

// notarize has Apple look at an image, with the credentials that notarytool keeps under the
// name in SHOAL_NOTARIZE_MAC, and staples its answer to it.
func (r *release) notarize(image string) error {
	profile := os.Getenv("SHOAL_NOTARIZE_MAC")
	if profile == "" {
		return nil
	}
	if os.Getenv("SHOAL_SIGN_MAC") == "" {
		return errors.New("SHOAL_NOTARIZE_MAC is set and SHOAL_SIGN_MAC is not: only what is signed is notarized")
	}
	if err := run("xcrun", "notarytool", "submit", image, "--keychain-profile", profile, "--wait"); err != nil {
		return err
	}
	return run("xcrun", "stapler", "staple", image)
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}
