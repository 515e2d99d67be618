package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/shoal-sync/shoal/app/api"
	"github.com/shoal-sync/shoal/app/config"
	"github.com/shoal-sync/shoal/app/host"
	"github.com/shoal-sync/shoal/app/status"
)

func (s *session) configCommand() *cobra.Command {
	return group("config", "Reads and changes settings",
		s.configGet(), s.configSet(), s.configUnset(), s.configList())
}

func (s *session) configGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get KEY",
		Short: "Prints the value of a setting",
		Args:  takes("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := s.settings(cmd)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(all, func(o status.Setting) bool { return o.Key == args[0] })
			switch {
			case at < 0:
				var none config.Settings
				return usageError{none.Put(args[0], "")} // it knows what was perhaps meant
			case s.json:
				return s.document(all[at])
			}
			return s.line(status.Plain(all[at].Value))
		},
	}
}

func (s *session) configSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Changes a setting",
		Long: "Changes a setting. What can change while the agent runs changes at once, " +
			"the rest when it is started anew; the answer says which.\n" +
			"Comments in the file of the settings, config.conf, stay.",
		Args: takes("KEY", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[1] == "" {
				return usagef("VALUE is empty; `shoal config unset %s` goes back to the default", args[0])
			}
			return s.change(cmd, args[0], args[1])
		},
	}
}

func (s *session) configUnset() *cobra.Command {
	return &cobra.Command{
		Use:   "unset KEY",
		Short: "Goes back to the default of a setting",
		Args:  takes("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.change(cmd, args[0], "")
		},
	}
}

func (s *session) configList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Lists every setting with its value and meaning",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := s.settings(cmd)
			if err != nil {
				return err
			}
			if s.json {
				return s.document(all)
			}
			return s.lines(status.SettingLines(all))
		},
	}
}

// settings asks the agent, or reads the file where none runs.
func (s *session) settings(cmd *cobra.Command) (all []status.Setting, err error) {
	if _, err = s.do(cmd, api.SettingList{}, &all); !noAgent(err) {
		return all, err
	}
	home, err := s.openHome()
	if err != nil {
		return nil, err
	}
	return home.ListSettings()
}

// change asks the agent to change a setting, or changes it where none runs.
func (s *session) change(cmd *cobra.Command, key, value string) error {
	var change api.SettingChange
	_, err := s.do(cmd, api.SettingSet{Key: key, Value: value}, &change)
	if noAgent(err) {
		change, err = s.changeAlone(key, value)
	}
	switch {
	case err != nil:
		return err
	case s.json:
		return s.document(change)
	}
	return s.say("%s = %s (%s)", change.Setting.Key, status.Plain(change.Setting.Value), change.Effect)
}

func (s *session) changeAlone(key, value string) (change api.SettingChange, err error) {
	home, err := s.openHome()
	if err != nil {
		return change, err
	}
	lock, err := home.Lock()
	if err != nil {
		return change, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := home.Migrate(); err != nil {
		return change, err
	}
	if err := host.FollowSetting(home.Dir(), key, value); err != nil {
		return change, err
	}
	if _, err := home.SetSetting(key, value); err != nil {
		return change, usageError{err}
	}
	change.Effect = "when the agent is started"
	change.Setting, err = home.GetSetting(key)
	return change, err
}

func (s *session) openHome() (*config.Home, error) {
	dir, err := s.home()
	if err != nil {
		return nil, err
	}
	return config.OpenHome(dir)
}

func noAgent(err error) bool {
	var failure *api.Error
	return errors.As(err, &failure) && failure.Kind == api.NoAgent
}
