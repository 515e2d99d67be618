package host

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-sync/shoal/app/recording"
)

// values reads a recording to its end.
func values(t *testing.T, path string) (out []any) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := recording.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for {
		v, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
}

func recordInto(t *testing.T, path string, log io.Writer) *recorder {
	t.Helper()
	r, err := openRecorder(path, "1.0", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordingsHaveAnEnd: one that is full says so in the file and in the log, once, and
// takes in nothing more.
func TestRecordingsHaveAnEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	var log strings.Builder
	r := recordInto(t, path, &log)
	r.max = 2000
	for range 200 {
		r.add(recording.Happened{Machine: 1, Now: 5})
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
	got := values(t, path)
	if full, ok := got[len(got)-1].(recording.Full); !ok || full.Limit != 2000 {
		t.Errorf("it ends with %v", got[len(got)-1])
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 2200 {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
	if strings.Count(log.String(), "as large as it may be") != 1 {
		t.Error(log.String())
	}
}

// TestRecordingsGoOn: a run is added behind what is whole of the runs before.
func TestRecordingsGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	for range 2 {
		r := recordInto(t, path, io.Discard)
		r.add(recording.Happened{Machine: 1, Now: 5})
		r.add(recording.Happened{Machine: 1, Now: 6})
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()-3); err != nil {
			t.Fatal(err)
		}
	}
	r := recordInto(t, path, io.Discard)
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, v := range values(t, path) {
		if _, run := v.(recording.Run); run {
			runs++
		}
	}
	if runs != 3 {
		t.Errorf("%d runs: %v", runs, values(t, path))
	}
}

// TestRecordingsSpareOtherFiles: a file that is no recording is not written to.
func TestRecordingsSpareOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter")
	if err := os.WriteFile(path, []byte("Dear Bert, this is no recording."), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openRecorder(path, "1.0", slog.New(slog.DiscardHandler))
	if !errors.Is(err, recording.ErrForeign) || !strings.Contains(err.Error(), "letter") {
		t.Errorf("got %v", err)
	}
	if body, err := os.ReadFile(path); err != nil || string(body[:4]) != "Dear" || len(body) != 32 {
		t.Errorf("it holds %q now, %v", body, err)
	}
}
