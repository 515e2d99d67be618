package main

import (
	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/internal/ident"
)

func (s *session) idCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Prints the id of this device",
		Long: "Prints the id of this device. Needs no agent; " +
			"the key is made when there is none yet.",
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			dir, err := s.home()
			if err != nil {
				return err
			}
			home, err := config.OpenHome(dir)
			if err != nil {
				return err
			}
			key, err := home.Key()
			if err != nil {
				return err
			}
			id := key.Device()
			if s.json {
				return s.document(struct {
					ID ident.DeviceID `json:"id"`
				}{id})
			}
			return s.line(id.String())
		},
	}
}
