package main

import (
	"sync"
	"time"
)

// limits is a token bucket for each subject.
type limits struct {
	perSecond float64
	mutex     sync.Mutex
	buckets   map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

const mostBuckets = 100_000

func newLimits(perSecond float64) *limits {
	return &limits{perSecond: perSecond, buckets: make(map[string]bucket)}
}

// take is how many requests are left after this one, and whether this one may be made.
func (l *limits) take(subject string, now time.Time) (int, bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	tokens := l.perSecond
	if found, ok := l.buckets[subject]; ok {
		tokens = found.tokens + now.Sub(found.at).Seconds()*l.perSecond
		if tokens > l.perSecond {
			tokens = l.perSecond
		}
	} else if len(l.buckets) >= mostBuckets {
		return 0, false
	}
	taken := tokens >= 1
	if taken {
		tokens--
	}
	l.buckets[subject] = bucket{tokens, now}
	return int(tokens), taken
}
