class_name ParleyLobby
extends RefCounted
## The lobby that this machine is in, as this member may see it. It is kept up to date; [signal ParleySession.lobby_changed]
## tells when it has changed.

var id := ""
## What others type to join; see also [member link].
var code := ""
## A link that starts the game in this lobby, where the game registers the scheme: `parley://join/CODE`.
var link := ""
var name := ""
var seats := 0
## `public`, `unlisted` or `private`.
var visibility := "public"
## `open` or `in_game`.
var state := "open"
var version := ""
var has_password := false
var joinable := true
var approval := false
## Of the lobby: `String`, number or `bool` by key.
var data := {}
## Everybody, in order of arrival.
var players: Array[ParleyPlayer] = []
## For the host: who waits to be admitted.
var applicants: Array[ParleyPlayer] = []
## Id of the host at the MultiplayerAPI, 0 where there is none now.
var host_id := 0
## This machine hosts.
var is_host := false
var _session: WeakRef


## Sets entries of the lobby's data; `null` removes one. For the host. An entry is a value, or
## `{"value": ..., "visibility": "public" | "member" | "private", "index": true}`; indexed ones can be searched for.
func set_data(entries: Dictionary) -> Error:
	return await change({"data": entries})


## Changes the lobby: `name`, `seats`, `visibility`, `password`, `version`, `joinable`, `approval`, `data`. For the host.
func change(changes: Dictionary) -> Error:
	var session := _session.get_ref() as ParleySession
	return await session.change_lobby(changes) if session != null else ERR_UNCONFIGURED


## The player of this id, or null.
func player(of_id: int) -> ParleyPlayer:
	for one in players:
		if one.id == of_id:
			return one
	return null
