-- wrk's own figures as one line: requests, microseconds, errors, p50 and p99 in microseconds.
-- Arguments after `--`: method, size of the request's body. With a path that ends in /vary no two requests have the same head.
function init(args)
  wrk.method = args[1]
  local size = tonumber(args[2])
  if size > 0 then
    wrk.body = string.rep("x", size)
    wrk.headers["Content-Type"] = "text/plain"
  end
end

if wrk.path:match("/vary$") then
  local path, count = wrk.path, 0
  function request()
    count = count + 1
    wrk.headers["Cookie"] = "visit=" .. count
    return wrk.format(nil, path .. "?" .. count)
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
