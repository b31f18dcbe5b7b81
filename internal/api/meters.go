package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/towpath/towpath/connector"
)

// meters measure the API.
type meters struct {
	requests *prometheus.HistogramVec
	sockets  prometheus.Gauge
	dropped  prometheus.Counter
}

func newMeters(r *prometheus.Registry) *meters {
	m := &meters{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "towpath_http_request_seconds", Help: "How long requests took.",
			Buckets: []float64{.005, .02, .1, .5, 2, 10, 60}}, []string{"route", "method", "status"}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{Name: "towpath_websockets", Help: "WebSockets that are open."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "towpath_websockets_dropped_total", Help: "WebSockets that were too slow and were closed."}),
	}
	r.MustRegister(m.requests, m.sockets, m.dropped, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// answered counts a request. WebSockets, which last, have a gauge.
func (m *meters) answered(r *http.Request, status int, took time.Duration) {
	if status != http.StatusSwitchingProtocols {
		m.requests.WithLabelValues(routeOf(r), r.Method, strconv.Itoa(status)).Observe(took.Seconds())
	}
}

// metrics answers in Prometheus' format.
func (s *server) metrics() http.HandlerFunc {
	return promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}).ServeHTTP
}

// healthy answers that the process lives.
func (s *server) healthy() http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
}

// ready answers whether the control database does.
func (s *server) ready() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.Team.Store.Now(r.Context()); err != nil {
			s.refuse(w, r, notReady(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// notReady says it to everybody, and why to nobody.
func notReady(error) error {
	return connector.Errorf(connector.Busy, "TOW-903", "the control database does not answer")
}
