// The shortest reverse proxy that Go's standard library gives, with a pool that keeps its connections.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

// usage: proxy LISTEN UPSTREAM CA
func main() {
	pem, err := os.ReadFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	target, err := url.Parse("https://" + os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, ServerName: "localhost"},
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 1024,
	}
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}
