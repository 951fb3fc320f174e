class_name ParleyMessageConstants
extends Node
## Constants of [ParleyMessages], with the names and numbers of Steam's.

## How a message is sent; added up.
const NETWORKING_SEND_UNRELIABLE := 0
## Does not wait for others; what waited goes with it.
const NETWORKING_SEND_NO_NAGLE := 1
const NETWORKING_SEND_URELIABLE_NO_NAGLE := 1
const NETWORKING_SEND_UNRELIABLE_NO_NAGLE := 1
## Dropped where it could not leave within 200 ms. Of unreliable messages alone.
const NETWORKING_SEND_NO_DELAY := 4
const NETWORKING_SEND_UNRELIABLE_NO_DELAY := 5
const NETWORKING_SEND_RELIABLE := 8
const NETWORKING_SEND_RELIABLE_NO_NAGLE := 9
## Taken and ignored.
const NETWORKING_SEND_USE_CURRENT_THREAD := 16
## A session that failed or was closed by the peer is begun again by this message.
const NETWORKING_SEND_AUTORESTART_BROKEN_SESSION := 32

## Steam's EResult: what became of a call.
enum Result {
	RESULT_OK = 1,
	## The session failed or was closed by the peer.
	RESULT_NO_CONNECTION = 3,
	## A message that is too long, a channel or flags that do not exist, nobody of this id.
	RESULT_INVALID_PARAM = 8,
	## More than may wait: of messages to this player, of channels, of sessions.
	RESULT_LIMIT_EXCEEDED = 25,
	## A message without delay that could not leave at once.
	RESULT_IGNORED = 41,
}
const RESULT_OK := Result.RESULT_OK
const RESULT_NO_CONNECTION := Result.RESULT_NO_CONNECTION
const RESULT_INVALID_PARAM := Result.RESULT_INVALID_PARAM
const RESULT_LIMIT_EXCEEDED := Result.RESULT_LIMIT_EXCEEDED
const RESULT_IGNORED := Result.RESULT_IGNORED

## Steam's ESteamNetworkingConnectionState.
enum ConnectionState {
	CONNECTION_STATE_NONE = 0,
	CONNECTION_STATE_CONNECTING = 1,
	CONNECTION_STATE_FINDING_ROUTE = 2,
	CONNECTION_STATE_CONNECTED = 3,
	CONNECTION_STATE_CLOSED_BY_PEER = 4,
	CONNECTION_STATE_PROBLEM_DETECTED_LOCALLY = 5,
}
const CONNECTION_STATE_NONE := ConnectionState.CONNECTION_STATE_NONE
const CONNECTION_STATE_CONNECTING := ConnectionState.CONNECTION_STATE_CONNECTING
const CONNECTION_STATE_FINDING_ROUTE := ConnectionState.CONNECTION_STATE_FINDING_ROUTE
const CONNECTION_STATE_CONNECTED := ConnectionState.CONNECTION_STATE_CONNECTED
const CONNECTION_STATE_CLOSED_BY_PEER := ConnectionState.CONNECTION_STATE_CLOSED_BY_PEER
const CONNECTION_STATE_PROBLEM_DETECTED_LOCALLY := ConnectionState.CONNECTION_STATE_PROBLEM_DETECTED_LOCALLY

## Steam's ESteamNetConnectionEnd: why a session ended.
const CONNECTION_END_APP_GENERIC := 1_000
const CONNECTION_END_REMOTE_TIMEOUT := 4_001
const CONNECTION_END_REMOTE_BAD_PROTOCOL_VERSION := 4_006
## The peer said no; Steam has no number for it.
const CONNECTION_END_REMOTE_DENIED := 4_100
const CONNECTION_END_MISC_GENERIC := 5_001
const CONNECTION_END_MISC_TIMEOUT := 5_003
const CONNECTION_END_MISC_P2P_RENDEZVOUS := 5_008
const CONNECTION_END_MISC_PEER_SENT_NO_CONNECTION := 5_010
