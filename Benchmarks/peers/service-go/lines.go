package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// lineLog writes lines of JSON, many at a time and at least once a second.
type lineLog struct {
	mutex  sync.Mutex
	output *bufio.Writer
}

func newLineLog(output io.Writer) *lineLog {
	log := &lineLog{output: bufio.NewWriterSize(output, 64<<10)}
	go func() {
		for range time.Tick(time.Second) {
			log.mutex.Lock()
			log.output.Flush()
			log.mutex.Unlock()
		}
	}()
	return log
}

const timeFormat = "2006-01-02T15:04:05.000Z"

func (l *lineLog) request(start time.Time, id, method, route string, status int) {
	l.line(struct {
		Milliseconds string `json:"bff.milliseconds"`
		Request      string `json:"bff.request"`
		Method       string `json:"http.method"`
		Route        string `json:"http.route"`
		Status       string `json:"http.status"`
		Level        string `json:"level"`
		Message      string `json:"message"`
		Time         string `json:"time"`
	}{
		strconv.FormatInt(time.Since(start).Milliseconds(), 10), id, method, route, strconv.Itoa(status), "info", "request",
		time.Now().UTC().Format(timeFormat),
	})
}

func (l *lineLog) minted(now time.Time, session string) {
	l.line(struct {
		Session string `json:"bff.session"`
		Level   string `json:"level"`
		Message string `json:"message"`
		Time    string `json:"time"`
	}{session, "info", "minted", now.UTC().Format(timeFormat)})
}

func (l *lineLog) line(value any) {
	data, err := json.Marshal(value)
	if err != nil {
		return
	}
	l.mutex.Lock()
	l.output.Write(data)
	l.output.WriteByte('\n')
	l.mutex.Unlock()
}

var (
	requestBase  = randomHex(8)
	requestCount uint32
)

func newRequestID() string {
	return fmt.Sprintf("req_%s%08x", requestBase, atomic.AddUint32(&requestCount, 1))
}

func randomHex(bytes int) string {
	data := make([]byte, bytes)
	if _, err := rand.Read(data); err != nil {
		panic(err)
	}
	return hex.EncodeToString(data)
}
