class_name ParleyPair
extends RefCounted
## What the connector knows of one remote peer.

var remote: ParleyRemote
## This side asked, the last time.
var asked := false
## This side wants the connection, and asks again after a refusal.
var wanted := false
var connection := ""
var busy_until := 0.0
## Introductions that have failed since the last that did not.
var attempt := 0
var epoch := -1
## UDP got out at the last observation.
var udp := true
var begun := ""
var reported := ""
var relay_asked_at := -INF
var relay_again := ParleyRelayRequests.AGAIN_MS
var ask_at := INF
var gathering: ParleyObserver.Gathering = null
## The observation of the first socket that was made in advance; null once it was used.
var observed: ParleyObserver.Gathering = null
## Connection that is accepted with the observation under way; empty where this side asks.
var accepting := ""
var request: ParleyRequest = null
## Number of the request on the event stream, and its body; 0 where there is none.
var asked_as := 0
var asked_at := 0.0
var body := {}
var relay_request: ParleyRequest = null
## The hub's last refusal.
var code := ""
var why := ""


## Tells the hub what became of the introduction, once.
func report(http: ParleyHttp, path: String, more := {}) -> void:
	if connection == "" or connection == reported:
		return
	reported = connection
	http.request(HTTPClient.METHOD_PUT, "/connections/%s/outcome" % connection, ParleyConnectionFields.outcome(path, more))
