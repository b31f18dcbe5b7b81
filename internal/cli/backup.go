package cli

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

type savedJSON struct {
	File string `json:"file"`
	At   string `json:"at"`
	Runs int64  `json:"runs"`
	Rows int64  `json:"rows"`
}

func (s *session) saved(file, verb string, x store.Saved) error {
	return s.answer(savedJSON{file, view.Time(x.At), x.Runs, x.Rows}, func() {
		s.printf("%s %s: %s of %s, %s in all\n", verb, file, plural64(x.Runs, "run"), when(x.At), plural64(x.Rows, "row"))
	})
}

type backupCmd struct {
	File string `arg:"" help:"File to write, which is not there yet." predictor:"file"`
}

// Run writes the file, readable by its owner alone. It has its name once all of it is on disk.
func (c *backupCmd) Run(s *session) (err error) {
	if err := s.onlyLocal("Run it on the machine of the control database, with the --state of the server."); err != nil {
		return err
	}
	ctx, cancel := background()
	defer cancel()
	svc, done, err := s.service(ctx)
	if err != nil {
		return err
	}
	defer done()
	if _, err := os.Lstat(c.File); err == nil {
		return usage(connector.Errorf(connector.Config, "TOW-017", "write the backup: %s is there already", c.File).WithHint("Name another file, or remove it."))
	}
	f, err := os.CreateTemp(filepath.Dir(c.File), "."+filepath.Base(c.File)+"-*") // mode 0600
	if err != nil {
		return writeBackup(err)
	}
	defer os.Remove(f.Name())
	out := bufio.NewWriter(f)
	x, err := svc.Backup(ctx, out)
	if err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(out.Flush(), f.Sync(), f.Close()); err != nil {
		return writeBackup(err)
	}
	if err := os.Rename(f.Name(), c.File); err != nil {
		return writeBackup(err)
	}
	return s.saved(c.File, "saved to", x)
}

func writeBackup(err error) error {
	return connector.Errorf(connector.Config, "TOW-017", "write the backup: %w", err).WithHint("Name a file in a folder that can be written.")
}

type restoreCmd struct {
	File string `arg:"" help:"File that backup wrote." predictor:"file"`
}

// Run fills an empty control database.
func (c *restoreCmd) Run(s *session) error {
	if err := s.onlyLocal("Run it on the machine of the control database, with the --state of the server."); err != nil {
		return err
	}
	ctx, cancel := background()
	defer cancel()
	svc, done, err := s.service(ctx)
	if err != nil {
		return err
	}
	defer done()
	f, err := os.Open(c.File)
	if err != nil {
		return usage(connector.Errorf(connector.Config, "TOW-017", "read the backup: %w", err))
	}
	defer f.Close()
	x, err := svc.Restore(ctx, f)
	if err != nil {
		return err
	}
	return s.saved(c.File, "restored from", x)
}
