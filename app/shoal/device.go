package main

import (
	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/status"
	"github.com/shoal-sync/shoal/internal/ident"
)

func (s *session) deviceCommand() *cobra.Command {
	return group("device", "Trusts, lists and forgets devices",
		s.deviceAdd(), s.deviceList(), s.deviceApprove(), s.deviceRename(), s.deviceRemove())
}

func (s *session) deviceAdd() *cobra.Command {
	var name string
	var addresses []string
	cmd := &cobra.Command{
		Use:   "add ID",
		Short: "Trusts a device by its id; both sides do it",
		Args:  takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := ident.ParseDevice(args[0])
			if err != nil {
				return usagef("%w; `shoal id` prints it on that device", err)
			}
			if cmd.Flags().Changed("name") {
				if err := config.CheckName(name); err != nil {
					return usagef("--name: %w", err)
				}
			}
			for _, address := range addresses {
				if _, err := config.SplitAddress(address); err != nil {
					return usageError{err}
				}
			}
			var device api.Device
			raw, err := s.do(cmd,
				api.DeviceAdd{ID: id, Name: name, Addresses: addresses}, &device)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("trusting %s (%s)", status.Plain(device.Name), device.ID)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` to show for the device")
	cmd.Flags().StringArrayVar(&addresses, "address", nil,
		"where it can be reached, `tcp://HOST:PORT`; may be given again")
	return cmd
}

func (s *session) deviceList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists the devices this one trusts, and those that ask to be",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			view, err := s.view(cmd)
			if err != nil {
				return err
			}
			if s.json {
				return s.document(append(listed(view.Devices), listed(view.Asking)...))
			}
			return s.lines(append(status.DeviceLines(s.words, view.Devices, now()),
				status.AskingLines(s.words, view.Asking, now())...))
		},
	}
}

// listed lets things of several kinds stand in one JSON array.
func listed[T any](things []T) []any {
	out := make([]any, len(things))
	for i, t := range things {
		out[i] = t
	}
	return out
}

func (s *session) deviceRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove DEVICE",
		Short: "Ends the trust in a device and its memberships",
		Args:  takes("DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var device api.Device
			raw, err := s.do(cmd, api.DeviceRemove{Device: args[0]}, &device)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("forgot %s (%s)", status.Plain(device.Name), device.ID)
		},
	}
}

func (s *session) deviceRename() *cobra.Command {
	return &cobra.Command{
		Use:   "rename DEVICE NAME",
		Short: "Changes what a device is called here",
		Args:  takes("DEVICE", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := config.CheckName(args[1]); err != nil {
				return usageError{err}
			}
			var device api.Device
			raw, err := s.do(cmd, api.DeviceRename{Device: args[0], Name: args[1]}, &device)
			if err != nil || s.json {
				return s.raw(raw, err)
			}
			return s.say("%s is called %s here", device.ID, status.Plain(device.Name))
		},
	}
}
