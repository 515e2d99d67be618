package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// noon is the time of all files that are made, so that those made twice are the same.
var noon = time.Unix(1_700_000_000, 123_456_789)

func makeFile(path string, size int64, seed byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	noise, room := rand.NewChaCha8([32]byte{seed}), make([]byte, 1<<20)
	for left := size; left > 0 && err == nil; left -= int64(len(room)) {
		room = room[:min(int64(len(room)), left)]
		_, _ = noise.Read(room) // never fails
		_, err = f.Write(room)
	}
	return errors.Join(err, f.Close(), os.Chtimes(path, noon, noon))
}

// makeGrove makes files of 1 to 16 KiB, evenly over directories.
func makeGrove(dir string, files, dirs int) error {
	chance := rand.New(rand.NewPCG(uint64(files), 1))
	noise := rand.NewChaCha8([32]byte{9})
	room := make([]byte, 16<<10)
	for i := range files {
		in := filepath.Join(dir, fmt.Sprintf("d%04d", i%dirs))
		if i < dirs {
			if err := os.MkdirAll(in, 0o777); err != nil {
				return err
			}
		}
		body := room[:1024+chance.IntN(15<<10)]
		_, _ = noise.Read(body) // never fails
		path := filepath.Join(in, fmt.Sprintf("f%06d", i))
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, noon, noon); err != nil {
			return err
		}
	}
	return nil
}

// insertInto saves a file anew with a mebibyte and a byte before it, as an editor does.
func insertInto(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fresh := filepath.Join(filepath.Dir(filepath.Dir(path)), "fresh")
	if err := makeFile(fresh, 1<<20+1, 7); err != nil {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(old)
	return errors.Join(err, f.Close(), os.Rename(fresh, path))
}

// overwriteIn changes a hundred pages of a file where they are.
func overwriteIn(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	chance, noise, page := rand.New(rand.NewPCG(11, 1)), rand.NewChaCha8([32]byte{3}), make([]byte, 4096)
	for i := 0; i < 100 && err == nil; i++ {
		_, _ = noise.Read(page) // never fails
		_, err = f.WriteAt(page, chance.Int64N(info.Size()/4096)*4096)
	}
	return errors.Join(err, f.Close())
}

func appendByte(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte{'x'})
	return errors.Join(err, f.Close())
}

// moveAll renames everything in one directory into another.
func moveAll(from, to string) error {
	names, err := os.ReadDir(from)
	for _, n := range names {
		err = errors.Join(err, os.Rename(filepath.Join(from, n.Name()), filepath.Join(to, n.Name())))
	}
	return err
}

// syncAll lets everybody's writes reach the disk, so that no run pays for another.
func syncAll() { syscall.Sync() }

// writeDurably returns how many seconds it takes to write so many bytes to one file and make
// them durable: no program can bring them here in less.
func writeDurably(dir string, size int64) (float64, error) {
	f, err := os.CreateTemp(dir, "shoal-bench")
	if err != nil {
		return 0, err
	}
	block, begun := make([]byte, 1<<20), time.Now()
	_, _ = rand.NewChaCha8([32]byte{4}).Read(block) // never fails
	for left := size; left > 0 && err == nil; left -= int64(len(block)) {
		_, err = f.Write(block)
	}
	err = errors.Join(err, syscall.Fdatasync(int(f.Fd())))
	took := time.Since(begun).Seconds()
	return took, errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// syncTime says what it costs to make a small file durable.
func syncTime(dir string) string {
	var took []float64
	for range 30 {
		f, err := os.CreateTemp(dir, "shoal-bench")
		if err != nil {
			return "unknown time"
		}
		_, err = f.Write(make([]byte, 4096))
		begun := time.Now()
		err = errors.Join(err, f.Sync())
		took = append(took, time.Since(begun).Seconds()*1e3)
		if errors.Join(err, f.Close(), os.Remove(f.Name())) != nil {
			return "unknown time"
		}
	}
	return fmt.Sprintf("%.1f ms", median(took))
}
