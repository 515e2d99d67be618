package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path"
	"path/filepath"
)

// item is one file of a package.
type item struct {
	path    string // with slashes, from the top of the package
	content []byte
	mode    int64
}

// archive makes the .tar.gz that is unpacked by hand. It is named for the first program.
func (r *release) archive(programs []program, t texts) error {
	name := r.name(programs[0])
	var items []item
	for _, p := range programs {
		binary, err := os.ReadFile(p.path)
		if err != nil {
			return err
		}
		items = append(items, item{p.exe(), binary, 0o755})
	}
	items = append(items, item{"shoal.1", t.manual, 0o644}, item{"THIRD-PARTY", t.licences, 0o644})
	for _, file := range []string{"LICENSE", "README.md", "CHANGELOG.md", "packaging/firewall.md",
		"packaging/shoal.service", "packaging/shoal@.service", "packaging/shoal-rendezvous.service",
		"packaging/app.shoal.agent.plist", "packaging/containers/agent.Containerfile",
		"packaging/containers/rendezvous.Containerfile"} {
		content, err := os.ReadFile(filepath.Join(r.source, file))
		if err != nil {
			return err
		}
		items = append(items, item{path.Base(file), content, 0o644})
	}
	for i := range items {
		items[i].path = name + "/" + items[i].path
	}
	packed, err := r.tarball(items)
	if err != nil {
		return err
	}
	return r.write(name+".tar.gz", packed)
}

func (r *release) tarball(items []item) ([]byte, error) {
	var packed bytes.Buffer
	squeezed, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	files := tar.NewWriter(squeezed)
	for _, i := range items {
		err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: i.path, Mode: i.mode,
			Size: int64(len(i.content)), ModTime: r.when, Format: tar.FormatUSTAR})
		if err != nil {
			return nil, err
		}
		if _, err := files.Write(i.content); err != nil {
			return nil, err
		}
	}
	if err := files.Close(); err != nil {
		return nil, err
	}
	if err := squeezed.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// gzipped is content as documentation is packed in Debian: without a name or a time.
func gzipped(content []byte) ([]byte, error) {
	var packed bytes.Buffer
	squeezed, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := squeezed.Write(content); err != nil {
		return nil, err
	}
	if err := squeezed.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
