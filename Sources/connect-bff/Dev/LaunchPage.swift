import Core
import FoundationEssentials
import Gateway
import HTTPTypes
import Keys

/// `/launch` of `connect-bff dev`, which mints for the reference web app on port 7070 and opens it.
///
/// Customers return here.
enum LaunchPage {
    static let path = "/launch"

    static let route = Route(
        .get, path, .page,
        .anyone { _ in
            var reply = Reply(.ok, contentType: "text/html; charset=utf-8", body: Array(html.utf8))
            // Only the script below may run.
            let digest = Data(Digest.sha256(script.utf8)).base64EncodedString()
            reply.headers[.contentSecurityPolicy] = """
                default-src 'none'; script-src 'sha256-\(digest)'; style-src 'self'; img-src 'self'; \
                connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
                """
            return reply
        })

    private static let html = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Connect your tariff</title>
        <link rel="icon" href="/page/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/page/style.css">
        <header class="masthead"><a class="brand" href="/"><img src="/page/icon.svg" alt="" width="28" height="28">\
        Daylight</a></header>
        <main><div class="card narrow launch">
        <h1>Connect your tariff</h1>
        <p class="lead">In the Connect web app on port 7070.</p>
        <p id="result" role="status"></p>
        <button id="launch" class="primary">Connect your tariff</button>
        </div></main>
        <script>\(script)</script>
        </html>

        """

    private static let script = """
        const result = document.getElementById('result');
        const back = new URLSearchParams(location.search);
        if (back.has('status')) result.textContent = `Session ${back.get('session')} is ${back.get('status')}.`;
        document.getElementById('launch').onclick = async () => {
          const answer = await fetch('/v1/connect/sessions', {
            method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"app":"web"}'
          });
          const body = await answer.json();
          if (answer.ok) location.assign(body.launch_url);
          else result.textContent = `${body.title}: ${body.detail} (${body.request_id})`;
        };
        """
}
