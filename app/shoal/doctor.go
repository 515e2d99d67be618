package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) doctorCommand() *cobra.Command {
	var bundle string
	cmd := &cobra.Command{
		Use:   "doctor [DEVICE]",
		Short: "Looks for what is wrong, and says how to mend it",
		Long: "Looks for what is wrong, and says how to mend it: clock, ports, local network, disk space, " +
			"folders, indexes, watching, and the way to other devices. With DEVICE only the way to that " +
			"one.\nExits with 1 when something is wrong, with 3 when no agent runs; what is only doubtful does not count.\n\n" +
			"--bundle writes a zip with this, the status, the settings and the log, for a report of a mistake. " +
			"Names, paths, addresses and ids are replaced by numbers in it.",
		Args: takesOne("DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := s.diagnose(cmd, first(args))
			if err != nil && !noAgent(err) {
				return err
			}
			if bundle != "" {
				if err := s.writeBundle(cmd, bundle, found); err != nil {
					return err
				}
			}
			switch {
			case s.json:
				err = errors.Join(s.document(found), err)
			case s.quiet:
				err = errors.Join(s.onlyWrong(found), err)
			default:
				err = errors.Join(s.lines(status.DiagnosisLines(found)), err)
			}
			if err != nil || found.OK {
				return err
			}
			return errors.New("something is wrong: see above")
		},
	}
	cmd.Flags().StringVar(&bundle, "bundle", "", "write a zip for a report to this `FILE`")
	return cmd
}

// diagnose asks the agent. Without one, it says what can be seen without, beside the error
// that no agent runs.
func (s *session) diagnose(cmd *cobra.Command, device string) (found status.Diagnosis, err error) {
	if _, err = s.do(cmd, api.Diagnose{Device: device}, &found); !noAgent(err) {
		return found, err
	}
	found = status.Diagnosis{}
	found.Add(status.Check{Name: "version", Verdict: status.Fine,
		Reason: fmt.Sprintf("shoal %s on %s/%s", buildVersion(), runtime.GOOS, runtime.GOARCH)})
	found.Add(status.Check{Name: "agent", Verdict: status.Wrong, Reason: "no agent is running",
		Remedy: "start it with `shoal --nogui`; the rest can be looked at only then"})
	found.Add(s.checkFiles())
	found.Judge()
	return found, err
}

// checkFiles reads what an agent would read when it starts.
func (s *session) checkFiles() status.Check {
	c := status.Check{Name: "settings", Verdict: status.Fine, Reason: "settings, devices and folders can be read"}
	home, err := s.openHome()
	if err == nil {
		_, err = home.Settings()
	}
	if err == nil {
		_, err = home.Key()
	}
	if err != nil {
		c.Verdict, c.Reason, c.Remedy = status.Wrong, err.Error(), "mend what it says, then start the agent"
	}
	return c
}

// onlyWrong prints what is wrong or doubtful.
func (s *session) onlyWrong(found status.Diagnosis) error {
	var bad status.Diagnosis
	for _, c := range found.Checks {
		if c.Verdict == status.Wrong || c.Verdict == status.Doubt {
			bad.Add(c)
		}
	}
	if len(bad.Checks) == 0 {
		return nil
	}
	lines := status.DiagnosisLines(bad)
	return s.line(strings.Join(lines[:len(lines)-1], "\n"))
}
