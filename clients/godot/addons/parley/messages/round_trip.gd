class_name ParleyRoundTrip
extends RefCounted
## The round trip as it is measured (RFC 6298), and when to ask again (RFC 9002 section 6.2).

const Limits := preload("message_limits.gd")

var smoothed_ms := Limits.RTT_INITIAL_MS
var latest_ms := Limits.RTT_INITIAL_MS
var is_measured := false
var _variance_ms := Limits.RTT_INITIAL_MS / 2.0
# Of this span of time and of the one before: a path that became longer is believed in the end.
var _min_now := INF
var _min_before := INF
var _min_since := -INF


## What the path knows already; below 0 where it does not.
func _init(known_ms: float) -> void:
	if known_ms >= 0.0:
		smoothed_ms = known_ms
		_variance_ms = known_ms / 2.0
		latest_ms = known_ms


## The shortest lately; INF before the first.
var min_ms: float:
	get:
		return minf(_min_now, _min_before)


## `waited_ms`: how long the peer says that it kept the confirmation.
func measure(sample_ms: float, waited_ms: float, now: float) -> void:
	var raw := maxf(sample_ms, 0.01)
	if now >= _min_since + Limits.RTT_MIN_SPAN_MS:
		_min_before = _min_now
		_min_now = INF
		_min_since = now
	_min_now = minf(_min_now, raw)
	# The peer may not make the round trip shorter than it was ever seen.
	var waited := minf(waited_ms, Limits.ACK_DELAY_MS)
	var sample := raw - waited if raw - waited >= min_ms else raw
	latest_ms = sample
	if not is_measured:
		is_measured = true
		smoothed_ms = sample
		_variance_ms = sample / 2.0
		return
	_variance_ms += (absf(smoothed_ms - sample) - _variance_ms) / 4.0
	smoothed_ms += (sample - smoothed_ms) / 8.0


## Without a confirmation for so long the peer is asked; the more often without an answer, the later.
func probe_ms(unanswered: int) -> float:
	var wait := smoothed_ms + maxf(4.0 * _variance_ms, Limits.GRANULARITY_MS) + Limits.ACK_DELAY_MS
	return minf(wait * pow(2.0, mini(unanswered, 10)), maxf(Limits.PROBE_MS_MAX, wait))
