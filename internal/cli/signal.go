package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// lastGasp is how long a run that is ended at once may take to be recorded as failed. A run that could not is like one whose process
// was killed: resume takes it over.
const lastGasp = 2 * time.Second

// errInterrupted is why a run that was ended at once failed.
var errInterrupted = errors.New("ended by the person who ran it")

// steer runs do with signals turned into a pause: the first asks for it, the second ends the process at once. do tells the
// run's key as soon as it has one.
func (s *session) steer(do func(ctx context.Context, svc *control.Service, screen *screen, known func(key string)) (store.Run, error)) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	svc, done, err := s.service(ctx)
	if err != nil {
		cancel(nil)
		return err
	}
	defer done()
	screen := newScreen(s)
	keys := make(chan string, 1)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var watching sync.WaitGroup
	over := make(chan struct{})
	watching.Go(func() { s.onSignal(ctx, over, cancel, svc, screen, signals, keys) })
	run, err := do(ctx, svc, screen, func(key string) { keys <- key })
	took := screen.end()
	signal.Stop(signals)
	close(over)
	watching.Wait()
	interrupted := errors.Is(context.Cause(ctx), errInterrupted)
	cancel(nil)
	if interrupted && err != nil {
		err = errInterrupted
	}
	if run.Key == "" || err != nil && run.State != store.Failed {
		return err
	}
	return s.rested(svc, run, took, err)
}

// onSignal heeds signals until over is closed.
func (s *session) onSignal(ctx context.Context, over <-chan struct{}, cancel context.CancelCauseFunc, svc *control.Service, screen *screen,
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
			screen.pausing()
			wish, stop := context.WithTimeout(ctx, 10*time.Second)
			if _, err := svc.Pause(wish, key, ""); err != nil {
				screen.say("pause: %v", err)
				cancel(errInterrupted)
				late = time.After(lastGasp)
			}
			stop()
		}
	}
}

// pausing says that this process was asked to pause.
func (c *screen) pausing() {
	c.mu.Lock()
	c.asked = true
	c.mu.Unlock()
	c.say("pausing: rows in flight are being committed; press Ctrl-C again to end at once")
}
