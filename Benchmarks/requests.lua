-- Sends the requests of a file in turn, each after a line with its length, and prints what wrk measured as JSON.
-- usage: wrk ... -s requests.lua URL -- FILE
local requests, turn = {}, 0

function init(arguments)
    local file = assert(io.open(arguments[1], "rb"))
    for length in file:lines() do requests[#requests + 1] = file:read(tonumber(length)) end
    file:close()
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"p50":%.3f,"p99":%.3f,"bytes":%d,"refused":%d,"broken":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.bytes, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
