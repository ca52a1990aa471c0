-- What connect-bff looks at before it relays a call: the page that calls, the envelope, the session, and a token bucket
-- for each session.
local ffi = require "ffi"
local json = require "cjson.safe"

ffi.cdef "typedef struct { double tokens, at; } bucket_t;"
local bucket = ffi.typeof("bucket_t")
local read_bucket = ffi.typeof("const bucket_t *")

local relay = {}
local sessions, buckets = ngx.shared.sessions, ngx.shared.buckets
local PER_SECOND = 1000000
local ORIGIN = "http://localhost:7070"

-- Reads the connect tokens of the sessions, one a line.
function relay.load(path)
    for token in io.lines(path) do assert(sessions:set(token, true)) end
end

local function refuse(status, code)
    ngx.status = status
    ngx.header["Content-Type"] = "application/problem+json; charset=utf-8"
    ngx.say(json.encode { code = code, status = status })
    return ngx.exit(status)
end

local function take(token)
    local now, tokens = ngx.now(), PER_SECOND
    local stored = buckets:get(token)
    if stored then
        local found = ffi.cast(read_bucket, stored)
        tokens = math.min(PER_SECOND, found.tokens + (now - found.at) * PER_SECOND)
    end
    if tokens < 1 then return false end
    return buckets:set(token, ffi.string(bucket(tokens - 1, now), ffi.sizeof(bucket)))
end

function relay.check()
    local origin = ngx.var.http_origin
    if origin and origin ~= ORIGIN then return refuse(403, "origin_not_allowed") end
    ngx.req.read_body()
    local envelope = json.decode(ngx.req.get_body_data() or "")
    if type(envelope) ~= "table" then return refuse(400, "malformed_body") end
    local token = envelope.connect_token
    if type(token) ~= "string" or not sessions:get(token) then return refuse(404, "unknown_session") end
    if not take(token) then return refuse(429, "too_many_requests") end
end

return relay
