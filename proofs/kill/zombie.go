package kill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/internal/crashpoint"
)

// shortLease makes others take over from a frozen process soon.
const shortLease = "TOWPATH_LEASE=1s"

// Moment is when a frozen process is woken.
type Moment int

// The moments.
const (
	During Moment = iota // the second process copies
	Before               // it has written all rows and is about to publish them
	After                // it has ended
	moments
)

// Trial freezes a process in the middle of a run, has another one take the run over, and wakes the first at the moment. It counts as
// tried when the woken process was seen to have a write refused.
func (h *Harness) Trial(ctx context.Context, scene Scene, when Moment) (Tally, error) {
	t := Tally{Runs: 1, Trials: 1}
	dir, err := h.folder(ctx, scene)
	if err != nil {
		return t, err
	}
	z := &trial{Harness: h, scene: scene, wants: scene.Wants(), dir: dir, when: when, tally: &t}
	err = z.run(ctx)
	for _, p := range []*process{z.first, z.second} {
		if p != nil {
			p.kill()
		}
	}
	if errors.Is(err, errEnded) { // before it could be frozen: no trial, and nothing to judge
		return Tally{}, h.done(dir, &Tally{})
	}
	if err == nil && len(t.Faults) == 0 {
		err = h.judge(ctx, scene, dir, z.key, &t)
	}
	if err != nil {
		return t, err
	}
	return t, h.done(dir, &t)
}

type trial struct {
	*Harness
	scene         Scene
	wants         Wants
	dir, key      string
	when          Moment
	tally         *Tally
	first, second *process
	open          bool  // the first process is frozen within a transaction at the target
	refused       int64 // before the first process was woken
}

func (z *trial) run(ctx context.Context) (err error) {
	if err := z.begin(ctx); err != nil {
		return err
	}
	if err := z.hold(); err != nil {
		return err
	}
	if z.wants.Change != nil {
		if err := z.wants.Change(ctx); err != nil {
			return err
		}
	}
	if err := z.takeOver(ctx); err != nil {
		return err
	}
	if z.wants.Refused != nil {
		if z.refused, err = z.wants.Refused(ctx, z.dir); err != nil {
			return err
		}
	}
	if err := z.wake(); err != nil {
		return err
	}
	for name, p := range map[string]*process{"woken": z.first, "second": z.second} {
		if !p.wait(patience) {
			z.tally.fault("the %s process of run %s is stuck: %s", name, z.key, p.lastWords())
			return nil
		}
	}
	if code, _ := z.second.result(); code != exitDone && code != exitDirty {
		z.tally.fault("the process that took run %s over ended with %d: %s; the woken one said: %s", z.key, code, z.second.said(), z.first.said())
		return nil
	}
	if z.seen(ctx) {
		z.tally.Tried++
	}
	return nil
}

// wake wakes the first process and, once it had time to write, the second where that is frozen.
func (z *trial) wake() error {
	err := z.wakeFirst()
	if z.when == Before {
		err = errors.Join(err, z.second.wake())
	}
	return err
}

// wakeFirst mostly keeps the control database locked for a moment: until the woken process hears from there that the run is not its own
// any more, nothing but the target can keep it from writing.
func (z *trial) wakeFirst() error {
	held, err := isLocked(z.dir, ledgerFile)
	if err != nil {
		return err
	}
	if held && z.when == Before || z.when == During && z.Rand.IntN(4) == 0 {
		return z.first.wake()
	}
	db, err := openFile(filepath.Join(z.dir, ledgerFile), "rw")
	if err != nil {
		return err
	}
	defer db.Close() // ends the transaction
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err = z.first.wake()
	z.first.wait(100*time.Millisecond + time.Duration(z.Rand.Int64N(int64(200*time.Millisecond))))
	return err
}

// begin starts the first process and waits until it is in the middle.
func (z *trial) begin(ctx context.Context) (err error) {
	if z.first, err = z.start(z.dir, z.wants.Freeze, []string{shortLease}, "run", "job.yaml"); err != nil {
		return err
	}
	if !z.first.reach(patience, z.wants.Freeze) {
		return errEnded
	}
	if z.key, err = z.newest(ctx, z.dir); err != nil {
		return err
	}
	if z.wants.Freeze != crashpoint.Cut { // that is soon over, and seldom
		z.first.wait(time.Duration(z.Rand.Int64N(int64(400 * time.Millisecond))))
	}
	return nil
}

// hold freezes the first process before a write of one of its shards. Frozen within a transaction it would keep everyone else from
// going on; so it is let alone for some moments and tried again. One that is open at the target is to be tried as well.
func (z *trial) hold() error {
	for range 2000 {
		if err := z.first.freeze(); err != nil {
			return err
		}
		ledger, err := isLocked(z.dir, ledgerFile)
		if err != nil {
			return err
		}
		target, err := isLocked(z.dir, z.wants.File)
		if err != nil {
			return err
		}
		if !ledger && (!target && slices.Contains(z.first.stands(), z.wants.Freeze) || target && z.when == During && z.Rand.IntN(20) == 0) {
			z.open = target
			return nil
		}
		if err := z.first.wake(); err != nil {
			return err
		}
		if z.first.wait(time.Duration(z.Rand.Int64N(int64(3 * time.Millisecond)))) {
			return errEnded
		}
	}
	return errors.New("freeze a process outside of transactions: it is always in one")
}

// ledgerFile is the control database.
const ledgerFile = "state/towpath.db"

// isLocked reports whether somebody keeps others from writing the file: with a transaction that writes, or where there is no write-ahead log with
// one that has only read so far, even if it is the first step of BEGIN IMMEDIATE (SQLite, File Locking And Concurrency, 3.0).
func isLocked(dir, file string) (bool, error) {
	if file == "" {
		return false, nil
	}
	db, err := openFile(filepath.Join(dir, file), "rw")
	if err != nil {
		return false, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA busy_timeout = 0"); err != nil {
		return false, err
	}
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		if strings.Contains(err.Error(), "locked") {
			return true, nil
		}
		return false, err
	}
	_, err = db.Exec("ROLLBACK")
	return false, err
}

// takeOver has another process resume the run, and returns when the first one is to be woken.
func (z *trial) takeOver(ctx context.Context) (err error) {
	dwell := [...]crashpoint.Point{During: crashpoint.Writing, Before: crashpoint.Swapping, After: crashpoint.Elsewhere}[z.when]
	if z.second, err = z.start(z.dir, dwell, []string{shortLease}, "resume", z.key); err != nil {
		return err
	}
	switch z.when {
	case During:
		if err := z.taken(ctx); err != nil {
			return err
		}
		if !z.open {
			z.second.reach(patience, crashpoint.Writing) // it has a shard; false: it has ended
		}
		z.second.wait(time.Duration(z.Rand.Int64N(int64(300 * time.Millisecond))))
		return nil
	case Before:
		if !z.second.reach(patience, crashpoint.Swapping) {
			return nil // it was too quick, and has ended
		}
		if err := z.second.freeze(); err != nil && !errors.Is(err, errEnded) {
			return err
		}
	case After:
		if !z.second.wait(patience) {
			z.tally.fault("run %s is stuck while its former process is frozen: %s", z.key, z.second.lastWords())
			return nil
		}
	}
	return z.settle(ctx)
}

// settle judges what stands at the target before the first process is woken: from here on nothing may change.
func (z *trial) settle(ctx context.Context) error {
	if z.wants.Settled == nil {
		return nil
	}
	if z.when == After {
		v, err := z.scene.Judge(ctx, z.dir)
		if err != nil {
			return err
		}
		z.tally.Verdict.Add(v)
	}
	return z.wants.Settled(ctx, z.dir)
}

// taken waits until the second process has the run.
func (z *trial) taken(ctx context.Context) error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		epoch, err := epochOf(ctx, z.dir, z.key)
		if err != nil {
			return err
		}
		if epoch > 1 || z.second.wait(2*time.Millisecond) {
			return nil
		}
	}
	return errors.New("take the run over: nobody does")
}

// seen reports whether the woken process had a write refused.
func (z *trial) seen(ctx context.Context) bool {
	if z.wants.Refusal.MatchString(z.first.stderr.String()) {
		return true
	}
	if z.wants.Refused == nil {
		return false
	}
	n, err := z.wants.Refused(ctx, z.dir)
	return err == nil && n > z.refused
}

// Trials makes trials, of all moments in turn, until so holds tried of them that count, or most in all.
func (h *Harness) Trials(ctx context.Context, scene Scene, tried, most int, so *Tally, brake bool, save func() error) error {
	for so.Tried < tried {
		if so.Trials >= most {
			so.fault("in only %d of %d trials the woken process tried a write", so.Tried, so.Trials)
			return save()
		}
		t, err := h.Trial(ctx, scene, Moment(so.Trials)%moments)
		so.Add(t)
		if err := errors.Join(err, save()); err != nil {
			return fmt.Errorf("%s: %w", scene.Name(), err)
		}
		if brake && !so.Good() {
			return nil
		}
	}
	return nil
}
