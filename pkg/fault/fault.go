// Package fault says what an error means for the program that meets it.
//
// Every error that crosses a package border carries a [Kind]: whether to try
// again, to dead-letter one record, to stop the job, or to ask the person at
// the keyboard. The kind is chosen once, at the edge where the code or type of
// the foreign error is known, and read everywhere else by [KindOf]; nobody
// matches on messages.
//
// An error may also carry a remedy (what the reader should do) and a position
// in a source text, which [Render] shows with the line and a caret.
//
// The package does not log, does not count and never drops a cause: what was
// wrapped stays reachable by errors.Is and errors.As.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind is what an error asks of its receiver. A Kind is itself an error, so
// errors.Is(err, fault.Transient) asks whether any error in the tree has it.
type Kind uint8

const (
	// None is the kind of a nil error.
	None Kind = iota
	// Canceled: the caller gave up. Return quietly.
	Canceled
	// Transient: the same call may succeed if repeated soon.
	Transient
	// Unavailable: the store or service is down. Retry with patience, report not ready.
	Unavailable
	// Internal: a defect of ours, or an error that nobody classified. Stop and report.
	Internal
	// Data: one record is bad. Dead-letter it and go on.
	Data
	// Permanent: repeating cannot help (missing table, no permission, too large).
	Permanent
	// Config: the person who wrote the configuration or the SQL must change it.
	Config
	// Fenced: another instance owns the work now. Stop at once, write nothing more.
	Fenced
)

var kindNames = [...]string{"none", "canceled", "transient", "unavailable", "internal", "data", "permanent", "config", "fenced"}

// String returns the lower-case name, as used in logs and metric labels.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Error makes a Kind usable as the target of errors.Is.
func (k Kind) Error() string { return k.String() }

// Retryable reports whether repeating the call can help.
func (k Kind) Retryable() bool { return k == Transient || k == Unavailable }

// Error is the one error type of this package. Its fields are set by the
// functions below; a zero field means "not said at this level".
type Error struct {
	kind   Kind
	msg    string
	remedy string
	pos    Pos
	cause  error
}

// New returns an error of the kind.
func New(kind Kind, msg string) error { return &Error{kind: kind, msg: msg} }

// Newf is New with a format. A %w in the format keeps its operand as a cause.
func Newf(kind Kind, format string, args ...any) error {
	return Wrap(kind, fmt.Errorf(format, args...), "")
}

// Wrap gives err the kind and puts the deed before its text: "read offset of
// orders: connection refused". The outermost kind wins. An empty format adds
// the kind only. Wrap of nil is nil.
func Wrap(kind Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{kind: kind, msg: sprintf(format, args), cause: err}
}

// WithRemedy adds what the reader should do, best as a command or a setting.
// WithRemedy of nil is nil.
func WithRemedy(err error, remedy string) error {
	if err == nil {
		return nil
	}
	return &Error{remedy: remedy, cause: err}
}

// Join returns an error of all non-nil errs, each on its own line, or nil.
func Join(errs ...error) error { return errors.Join(errs...) }

// Error returns the position, the deeds outside in and the cause, without the
// remedy: that is for Render and for readers of [RemedyOf].
func (e *Error) Error() string {
	var b strings.Builder
	if e.pos.IsValid() {
		b.WriteString(e.pos.String())
		b.WriteString(": ")
	}
	b.WriteString(e.msg)
	if e.cause != nil {
		if e.msg != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.cause.Error())
	} else if e.msg == "" {
		b.WriteString(e.kind.String())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is matches a Kind target.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k != None && e.kind == k
}

// KindOf classifies err. The outermost kind of a chain wins. Of joined errors
// the gravest classified one wins, in the order Canceled, Transient,
// Unavailable, Internal, Data, Permanent, Config, Fenced. An error that nobody
// classified is Internal; context.Canceled is Canceled and
// context.DeadlineExceeded is Transient. KindOf(nil) is None.
func KindOf(err error) Kind {
	if err == nil {
		return None
	}
	if k := classified(err); k != None {
		return k
	}
	return Internal
}

func classified(err error) Kind {
	for err != nil {
		switch e := err.(type) {
		case *Error:
			if e.kind != None {
				return e.kind
			}
		case Kind:
			return e
		}
		switch {
		case err == context.Canceled:
			return Canceled
		case err == context.DeadlineExceeded:
			return Transient
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			gravest := None
			for _, child := range many.Unwrap() {
				gravest = max(gravest, classified(child))
			}
			return gravest
		}
		err = errors.Unwrap(err)
	}
	return None
}

// RemedyOf returns the first remedy found outside in, or "".
func RemedyOf(err error) string {
	remedy := ""
	walk(err, func(e *Error) bool {
		remedy = e.remedy
		return remedy == ""
	})
	return remedy
}

// walk visits every *Error of the tree in preorder until f returns false.
func walk(err error, f func(*Error) bool) bool {
	for err != nil {
		if e, ok := err.(*Error); ok && !f(e) {
			return false
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, child := range many.Unwrap() {
				if !walk(child, f) {
					return false
				}
			}
			return true
		}
		err = errors.Unwrap(err)
	}
	return true
}

func sprintf(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}
