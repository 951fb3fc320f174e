class_name ParleyHttpConnections
extends RefCounted
## Open HTTP connections to one hub that wait for the next request. Used by several threads.

const IDLE_MAX := 2

var host := ""
var port := 0
## Null without TLS.
var tls: TLSOptions = null
## When the connections of before were given up, because they may lead to a network that this machine has left.
var forgotten_at := -INF
var _mutex := Mutex.new()
var _idle: Array[HTTPClient] = []


## Null where none waits.
func take() -> HTTPClient:
	_mutex.lock()
	var client: HTTPClient = _idle.pop_back() if not _idle.is_empty() else null
	_mutex.unlock()
	return client


## `since`: when the connection was taken or opened.
func give_back(client: HTTPClient, since: float) -> void:
	_mutex.lock()
	var is_kept := since > forgotten_at and _idle.size() < IDLE_MAX
	if is_kept:
		_idle.append(client)
	_mutex.unlock()
	if not is_kept:
		client.close()


func forget(now: float) -> void:
	_mutex.lock()
	forgotten_at = now
	var idle := _idle
	_idle = []
	_mutex.unlock()
	for client in idle:
		client.close()
