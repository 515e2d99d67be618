package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

// swarmEvery is how often the picture of a swarm is drawn, or printed, anew.
const swarmEvery = time.Second

func (s *session) swarmCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "swarm FOLDER",
		Short: "Shows who has what of a folder, how fast it moves, and which pieces are here",
		Long: "Shows the devices that share a folder, how fast each sends, and of what is on its way " +
			"a map of the pieces that are here. On a terminal it goes on until Ctrl-C; elsewhere, and with " +
			"--json, it shows the moment, unless --watch is given.",
		Args: takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return untilStopped(cmd.Context(), s.showSwarms(cmd, args[0], watch))
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "keep showing what changes")
	return cmd
}

// showSwarms shows a swarm once, or every second.
func (s *session) showSwarms(cmd *cobra.Command, folder string, watch bool) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := cmd.Context()
	screen, onScreen := s.out.(*os.File)
	if onScreen = onScreen && !s.json; onScreen {
		_, _, onScreen = screenSize(screen)
	}
	ticker := time.NewTicker(swarmEvery)
	defer ticker.Stop()
	for {
		raw, err := client.Do(ctx, api.SwarmAsk{Folder: folder})
		if err != nil {
			return err
		}
		var swarm api.Swarm
		if err := unmarshalAnswer(raw, &swarm); err != nil {
			return err
		}
		switch {
		case s.json:
			err = s.document(raw)
		case onScreen:
			width, height, _ := screenSize(screen)
			if _, err = io.WriteString(screen, painted(s.words, swarmLines(swarm), width, height)); err != nil {
				err = fmt.Errorf("write the output: %w", err)
			}
		default:
			err = s.lines(swarmLines(swarm))
		}
		if err != nil || !watch && !onScreen {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// swarmLines draw a swarm.
func swarmLines(w api.Swarm) []string {
	out := []string{"Folder " + status.Plain(w.Name)}
	if len(w.Peers) == 0 {
		out = append(out, "    no device that shares it is connected")
	}
	for _, p := range w.Peers {
		line := fmt.Sprintf("    %-16s", status.Plain(p.Name))
		switch {
		case p.State != "ok":
			line += " " + p.State + ":"
		case !p.Near:
			line += " not exchanged with, there are enough others:"
		}
		line += fmt.Sprintf(" %s/s in, %s so far; %s out", status.Bytes(p.RateIn), status.Bytes(p.BytesIn), status.Bytes(p.BytesOut))
		if p.Asked+p.Waiting > 0 {
			line += fmt.Sprintf("; %d pieces on their way here, %d wanted from here", p.Asked, p.Waiting)
		}
		if p.Reason != "" {
			line += "; " + p.Reason
		}
		out = append(out, line)
	}
	for _, i := range w.Items {
		line := "  " + status.Plain(i.Name) + ", " + status.Bytes(i.Size)
		if i.Pieces == 0 {
			out = append(out, line+": looking for how it is cut")
			continue
		}
		out = append(out, line+fmt.Sprintf(": %d of %d pieces, %d on their way; held by %d, the rarest piece by %d",
			i.Have, i.Pieces, i.Asked, i.Holders, i.Rarest), "    ["+pieceMap(i.Map)+"]")
	}
	switch {
	case w.More > 0:
		out = append(out, fmt.Sprintf("  and %d more on their way", w.More))
	case len(w.Items) == 0:
		out = append(out, "  nothing is on its way here")
	}
	return out
}

// pieceMap draws each cell as a sign: nothing of it is here, some, most, all.
func pieceMap(cells []int) string {
	var b strings.Builder
	for _, percent := range cells {
		switch {
		case percent == 100:
			b.WriteByte('#')
		case percent >= 50:
			b.WriteByte('+')
		case percent > 0:
			b.WriteByte('-')
		default:
			b.WriteByte('.')
		}
	}
	return b.String()
}
