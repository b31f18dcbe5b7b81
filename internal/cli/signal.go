package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
)

// lastGasp is how long a run that is ended at once may take to be recorded as failed. A run that could not is like one whose process
// was killed: resume takes it over.
const lastGasp = 2 * time.Second

// errInterrupted is why a run that was ended at once failed.
var errInterrupted = errors.New("ended by the person who ran it")

// interrupted is what comes of a second Ctrl-C.
func (s *session) interrupted() error {
	if s.flags.ServerURL == "" {
		return errInterrupted
	}
	return connector.Errorf(connector.Other, "TOW-944", "the run is left to the server, which was asked to pause it").WithHint("Look at it with: towpath runs.")
}

// steer runs do with signals turned into a pause: the first asks for it, the second ends the process at once. With leave the run is not waited for.
func (s *session) steer(b backend, leave bool, do func(ctx context.Context, screen *screen) (client.Run, error)) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	screen := newScreen(s)
	keys := make(chan string, 1)
	screen.known, screen.leave = func(key string) { keys <- key }, leave
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var watching sync.WaitGroup
	over := make(chan struct{})
	watching.Go(func() { s.onSignal(ctx, over, cancel, b, screen, signals, keys) })
	run, err := do(ctx, screen)
	took := screen.end()
	signal.Stop(signals)
	close(over)
	watching.Wait()
	interrupted := errors.Is(context.Cause(ctx), errInterrupted)
	cancel(nil)
	if interrupted && err != nil {
		err = s.interrupted()
	}
	if run.Run == "" || err != nil && run.State != client.Failed {
		return err
	}
	if !leave {
		return s.rested(b, run.Run, took, s.understood(err))
	}
	return s.answer(plain(run), func() {
		s.printf("run %s of %s goes on at the server\nFollow it with: towpath status %s\n", run.Run, run.Name, run.Run)
	})
}

// onSignal heeds signals until over is closed.
func (s *session) onSignal(ctx context.Context, over <-chan struct{}, cancel context.CancelCauseFunc, b backend, screen *screen,
	signals <-chan os.Signal, keys <-chan string) {
	key, asked := "", false
	var late <-chan time.Time
	for {
		select {
		case key = <-keys:
		case <-over:
			return
		case <-late:
			os.Exit(exitFailed)
		case <-signals:
			select { // both may have come at once
			case key = <-keys:
			default:
			}
			if key == "" || asked {
				if late == nil {
					cancel(errInterrupted)
					late = time.After(lastGasp)
				}
				continue
			}
			asked = true
			screen.pausing(s.flags.ServerURL != "")
			wish, stop := context.WithTimeout(ctx, 10*time.Second)
			if _, err := b.Pause(wish, key, ""); err != nil {
				screen.say("pause: %v", err)
				cancel(errInterrupted)
				late = time.After(lastGasp)
			}
			stop()
		}
	}
}

// pausing says that this process was asked to pause.
func (c *screen) pausing(atServer bool) {
	c.mu.Lock()
	c.asked = true
	c.mu.Unlock()
	again := "end at once"
	if atServer {
		again = "leave it to the server"
	}
	c.say("pausing: rows in flight are being committed; press Ctrl-C again to %s", again)
}
