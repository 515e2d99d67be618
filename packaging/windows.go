package main

import (
	"bytes"
	"debug/pe"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tc-hib/winres"
	"github.com/tc-hib/winres/version"
)

// windowsCompiler compiles the C that the window holds, for Windows, on any system.
const windowsCompiler = "x86_64-w64-mingw32-gcc"

// iconSizes are those that Windows shows, from the list to the desktop.
var iconSizes = []int{16, 24, 32, 48, 64, 256}

// dress puts into a program what Windows reads of it: an icon, a manifest that asks for
// nothing but long paths and sharp letters, and who made which version. Then it is signed.
func (r *release) dress(p program) error {
	drawing, err := os.ReadFile(filepath.Join(r.source, "assets/icon.svg"))
	if err != nil {
		return err
	}
	var pictures []image.Image
	for _, size := range iconSizes {
		picture, err := raster(drawing, size)
		if err != nil {
			return err
		}
		pictures = append(pictures, picture)
	}
	icon, err := winres.NewIconFromImages(pictures)
	if err != nil {
		return err
	}
	var set winres.ResourceSet
	// The name is the one that the window's toolkit looks for.
	if err := set.SetIcon(winres.Name("GLFW_ICON"), icon); err != nil {
		return err
	}
	set.SetManifest(winres.AppManifest{Description: "Shoal", Compatibility: winres.Win10AndAbove,
		ExecutionLevel: winres.AsInvoker, DPIAwareness: winres.DPIPerMonitorV2, LongPathAware: true,
		UseCommonControlsV6: true})
	info, err := r.told(filepath.Base(p.path))
	if err != nil {
		return err
	}
	set.SetVersionInfo(info)
	bare, err := os.ReadFile(p.path)
	if err != nil {
		return err
	}
	var dressed bytes.Buffer
	if err := set.WriteToEXE(&dressed, bytes.NewReader(bare), winres.ForceCheckSum()); err != nil {
		return fmt.Errorf("resources of %s: %w", p.path, err)
	}
	if err := os.WriteFile(p.path, dressed.Bytes(), 0o755); err != nil {
		return err
	}
	return r.signWindows(p.path)
}

// told is what Windows shows among the properties of a program.
func (r *release) told(file string) (info version.Info, err error) {
	info.FileVersion = numbers(packageVersion(r.version, r.when))
	info.ProductVersion = info.FileVersion
	for key, value := range map[string]string{
		version.CompanyName: "The Shoal authors", version.ProductName: "Shoal",
		version.FileDescription: "Shoal keeps folders the same on all your devices",
		version.LegalCopyright:  "Copyright 2026 the Shoal authors, Apache-2.0",
		version.FileVersion:     r.version, version.ProductVersion: r.version,
		version.OriginalFilename: file,
	} {
		err = errors.Join(err, info.Set(version.LangDefault, key, value))
	}
	return info, err
}

// numbers are the up to four numbers that a version begins with, each below 65536.
func numbers(text string) (out [4]uint16) {
	for i, part := range strings.SplitN(text, ".", len(out)) {
		digits := part
		if at := strings.IndexFunc(part, func(c rune) bool { return c < '0' || c > '9' }); at >= 0 {
			digits = part[:at]
		}
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			break
		}
		out[i] = uint16(n)
		if digits != part {
			break
		}
	}
	return out
}

// signWindows has a program or an installer signed by what SHOAL_SIGN_WINDOWS names: a
// program, which is given the path and signs the file in its place. Without it nothing is
// signed. What says that it has signed is not believed: the file has to show it.
func (r *release) signWindows(path string) error {
	signer := os.Getenv("SHOAL_SIGN_WINDOWS")
	if signer == "" {
		return nil
	}
	if out, err := exec.Command(signer, path).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", signer, path, err, out)
	}
	signed, err := isSigned(path)
	if err == nil && !signed {
		err = fmt.Errorf("%s says that it has signed %s, which holds no signature", signer, path)
	}
	return err
}

// isSigned reports whether a program for Windows holds a signature. Whose it is, and
// whether Windows will take it, only Windows knows.
func isSigned(path string) (bool, error) {
	file, err := pe.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	head, ok := file.OptionalHeader.(*pe.OptionalHeader64)
	if !ok {
		return false, fmt.Errorf("%s is no program of 64 bits", path)
	}
	return head.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_SECURITY].Size > 0, nil
}

// installer makes what is started by a double click and installs shoal for one person. The
// programs are shoal.exe and, with a window, shoal-window.exe. Without makensis there is
// none, which is said.
func (r *release) installer(work string, programs []program, t texts) error {
	compiler, err := exec.LookPath("makensis")
	if err != nil {
		fmt.Fprintln(os.Stderr, "packaging: SKIPPED: no makensis here (Debian: nsis), so no installer for Windows is made")
		return nil
	}
	stage, err := os.MkdirTemp(work, "setup")
	if err != nil {
		return err
	}
	kind := "headless-"
	for _, p := range programs {
		if p.window {
			kind = ""
		}
		if err := os.Link(p.path, filepath.Join(stage, p.exe())); err != nil {
			return err
		}
	}
	name := "shoal-" + kind + r.version + "-windows-amd64-setup.exe"
	size, err := r.setupFiles(stage, t)
	if err != nil {
		return err
	}
	script := filepath.Join(r.source, "packaging/windows/setup.nsi")
	n := numbers(packageVersion(r.version, r.when))
	args := []string{"-V2", "-WX", "-NOCONFIG", "-INPUTCHARSET", "UTF8",
		"-DVERSION=" + r.version, fmt.Sprintf("-DNUMBERS=%d.%d.%d.%d", n[0], n[1], n[2], n[3]),
		fmt.Sprintf("-DSIZE=%d", size>>10), "-DFROM=" + stage, "-DOUT=" + filepath.Join(r.out, name)}
	if kind == "" {
		args = append(args, "-DWINDOW")
	}
	if signer := os.Getenv("SHOAL_SIGN_WINDOWS"); signer != "" {
		args = append(args, "-DSIGNER="+signer)
	}
	cmd := exec.Command(compiler, append(args, script)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.when.Unix()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("makensis: %w\n%s", err, out)
	}
	return r.signWindows(filepath.Join(r.out, name))
}

// setupFiles writes what is installed beside the programs, and returns the size of all.
func (r *release) setupFiles(stage string, t texts) (size int64, err error) {
	drawing, err := os.ReadFile(filepath.Join(r.source, "assets/icon.svg"))
	if err != nil {
		return 0, err
	}
	var pictures []image.Image
	for _, side := range iconSizes {
		picture, err := raster(drawing, side)
		if err != nil {
			return 0, err
		}
		pictures = append(pictures, picture)
	}
	icon, err := winres.NewIconFromImages(pictures)
	if err != nil {
		return 0, err
	}
	var encoded bytes.Buffer
	if err := icon.SaveICO(&encoded); err != nil {
		return 0, err
	}
	files := map[string][]byte{"shoal.ico": encoded.Bytes(), "THIRD-PARTY.txt": crlf(t.licences)}
	for from, to := range map[string]string{"LICENSE": "LICENSE.txt", "README.md": "README.md",
		"CHANGELOG.md": "CHANGELOG.md", "packaging/firewall.md": "firewall.md"} {
		content, err := os.ReadFile(filepath.Join(r.source, from))
		if err != nil {
			return 0, err
		}
		files[to] = crlf(content)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(stage, name), content, 0o644); err != nil {
			return 0, err
		}
	}
	all, err := os.ReadDir(stage)
	for _, file := range all {
		info, failed := file.Info()
		if failed != nil {
			return 0, failed
		}
		size += info.Size()
		// The installer keeps the files' times.
		err = errors.Join(err, os.Chtimes(filepath.Join(stage, file.Name()), r.when, r.when))
	}
	return size, err
}

// crlf ends lines as old editors of Windows want them.
func crlf(text []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}
