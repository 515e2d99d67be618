package platform

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
)

// ErrNoPicture reports a clipboard that holds no picture, or none that can be read here: on
// Linux it takes wl-paste or xclip, and elsewhere a picture has to be saved first.
var ErrNoPicture = errors.New("the clipboard holds no picture that can be read here")

// ClipboardPicture returns the picture that the desktop's clipboard holds, as PNG of most
// bytes at most, or ErrNoPicture.
func ClipboardPicture(ctx context.Context, most int64) ([]byte, error) {
	command := []string{"xclip", "-selection", "clipboard", "-target", "image/png", "-out"}
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		command = []string{"wl-paste", "--no-newline", "--type", "image/png"}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, ErrNoPicture
	}
	ask := exec.CommandContext(ctx, path, command[1:]...)
	out, err := ask.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := ask.Start(); err != nil {
		return nil, err
	}
	picture, err := io.ReadAll(io.LimitReader(out, most+1))
	if int64(len(picture)) > most {
		_ = ask.Process.Kill() // it has more than anybody wants
	}
	if ended := ask.Wait(); err != nil || ended != nil || !bytes.HasPrefix(picture, []byte("\x89PNG")) {
		return nil, ErrNoPicture
	}
	return picture, nil
}
