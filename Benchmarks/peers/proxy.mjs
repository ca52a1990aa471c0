// What one writes by hand with Node's own modules.  usage: node proxy.mjs PORT UPSTREAM_PORT CA
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const [port, upstream, ca] = process.argv.slice(2);
const agent = new https.Agent({ keepAlive: true, maxSockets: 1024, maxFreeSockets: 1024, ca: readFileSync(ca) });
const hopByHop = new Set(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"]);
const endToEnd = (headers) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)));

http.createServer((request, response) => {
    const call = https.request(
        {
            host: "127.0.0.1", port: upstream, servername: "localhost", agent, method: request.method,
            path: request.url, headers: { ...endToEnd(request.headers), host: "localhost" },
        },
        (answer) => {
            response.writeHead(answer.statusCode, endToEnd(answer.headers));
            answer.pipe(response);
        });
    call.on("error", () => response.headersSent ? response.destroy() : response.writeHead(502).end());
    request.pipe(call);
}).listen(Number(port), "127.0.0.1", 4096);
