class_name ParleyCongestion
extends RefCounted
## How much may be on its way, and how fast it leaves: NewReno's growth (RFC 9002 section 7), Westwood+'s rule at a loss, and
## the end of slow start where the round trip grows (RFC 9406).

const Limits := preload("message_limits.gd")

## Bytes.
var window := 0.0
var _mtu := 0
var _threshold := INF
var _recovery_since := -INF
var _round_since := 0.0
var _round_acked := 0
var _round_sent_after := -INF
var _round_rtt_min := INF
var _rates := PackedFloat64Array()
var _tokens := 0.0
var _tokens_at := 0.0


func _init(mtu: int, now: float) -> void:
	_mtu = mtu
	window = Limits.CWND_INITIAL * mtu
	_tokens = Limits.BURST * mtu
	_tokens_at = now
	_round_since = now


## Bytes a millisecond.
func rate(rtt_ms: float) -> float:
	var gain := Limits.PACING_GAIN_START if window < _threshold else Limits.PACING_GAIN
	return gain * window / maxf(rtt_ms, Limits.GRANULARITY_MS)


## Bytes that may leave now; below 0 where more did.
func budget(rtt_ms: float, now: float) -> float:
	var most := maxf(Limits.BURST * _mtu, Limits.BURST_MS * rate(rtt_ms))
	_tokens = minf(_tokens + (now - _tokens_at) * rate(rtt_ms), most)
	_tokens_at = now
	return _tokens


func spend(bytes: int) -> void:
	_tokens -= bytes


## A datagram was confirmed. `is_full`: the window was what kept more from being sent.
func acked(sent: ParleyFlight.Sent, rtt: ParleyRoundTrip, is_full: bool, now: float) -> void:
	_round_acked += sent.bytes
	_round_rtt_min = minf(_round_rtt_min, rtt.latest_ms)
	if sent.at >= _round_sent_after:
		_end_round(rtt.min_ms, now)
	if not is_full:
		return
	var grown := float(sent.bytes) if window < _threshold else float(_mtu * sent.bytes) / window
	window = minf(window + grown, Limits.CWND_MAX * _mtu)


## A datagram was lost. `is_busy`: so much was on its way that the loss may be of this side's making.
func lost(sent: ParleyFlight.Sent, rtt_min_ms: float, is_busy: bool, now: float) -> void:
	if sent.at <= _recovery_since or not is_busy:
		return
	_recovery_since = now
	var best := 0.0
	for one in _rates:
		best = maxf(best, one)
	var delivered := best * rtt_min_ms if is_finite(rtt_min_ms) else 0.0
	var kept := minf(window, maxf(delivered, Limits.KEEP_MIN * window))
	window = maxf(kept, Limits.CWND_MIN * _mtu)
	_threshold = window


## Several probes were not answered: what was known of the path is void.
func collapse(now: float) -> void:
	_threshold = maxf(window / 2.0, Limits.CWND_MIN * _mtu)
	window = Limits.CWND_MIN * _mtu
	_recovery_since = now
	_rates.clear()


func _end_round(rtt_min_ms: float, now: float) -> void:
	var took := now - _round_since
	if took > 0.0:
		_rates.append(_round_acked / took)
	if _rates.size() > Limits.RATE_ROUNDS:
		_rates.remove_at(0)
	var grown := clampf(rtt_min_ms / 8.0, Limits.HYSTART_MS_MIN, Limits.HYSTART_MS_MAX)
	if window < _threshold and _round_rtt_min > rtt_min_ms + grown:
		_threshold = window
	_round_since = now
	_round_acked = 0
	_round_sent_after = now
	_round_rtt_min = INF
