package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	connectURL  = "http://localhost:7070/"
	callbackURL = "http://localhost:7070/v1/connect/callback"
	accountID   = "acc_0123456789abcdef01234567"
	apiKey      = "sk_test_bench0123456789"
)

// flatpeak calls Flatpeak's API with a bearer that it renews in time.
type flatpeak struct {
	url    string
	client *http.Client

	mutex  sync.Mutex
	bearer string
	renew  time.Time
}

type mintedToken struct {
	ConnectToken string `json:"connect_token"`
	ExpiresIn    int    `json:"expires_in"`
	LiveMode     bool   `json:"live_mode"`
}

func newFlatpeak(url, authority string) (*flatpeak, error) {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024,
	}
	return &flatpeak{url: url, client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}, nil
}

func (f *flatpeak) mint(request mintRequest) (minted mintedToken, err error) {
	body, err := json.Marshal(struct {
		ConnectURL  string `json:"connect_url"`
		CallbackURL string `json:"callback_url"`
		Direction   string `json:"tariff_direction,omitempty"`
		Type        string `json:"tariff_type,omitempty"`
		LocationID  string `json:"location_id,omitempty"`
	}{connectURL, callbackURL, request.Direction, request.Type, request.LocationID})
	if err != nil {
		return minted, err
	}
	err = f.call(http.MethodPost, "/connect/token", body, &minted)
	return minted, err
}

// status reads the status of a location, without the account id.
func (f *flatpeak) status(location string) (map[string]json.RawMessage, error) {
	var status map[string]json.RawMessage
	err := f.call(http.MethodGet, "/locations/"+location+"/status", nil, &status)
	delete(status, "account_id")
	return status, err
}

func (f *flatpeak) call(method, path string, body []byte, into any) error {
	bearer, err := f.currentBearer()
	if err != nil {
		return err
	}
	return f.send(method, path, body, "Bearer "+bearer, into)
}

func (f *flatpeak) currentBearer() (string, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if time.Now().Before(f.renew) {
		return f.bearer, nil
	}
	var answer struct {
		Bearer    string `json:"bearer_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	request := http.Request{Header: http.Header{}}
	request.SetBasicAuth(accountID, apiKey)
	if err := f.send(http.MethodGet, "/login", nil, request.Header.Get("Authorization"), &answer); err != nil {
		return "", err
	}
	f.bearer = answer.Bearer
	f.renew = time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second * 4 / 5)
	return f.bearer, nil
}

func (f *flatpeak) send(method, path string, body []byte, authorization string, into any) error {
	request, err := http.NewRequest(method, f.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Flatpeak-Version", "2025-09-14.anode")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("Flatpeak answers %d", answer.StatusCode)
	}
	return json.Unmarshal(data, into)
}
