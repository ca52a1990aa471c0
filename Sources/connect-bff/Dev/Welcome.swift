import Sandbox

/// The text that `connect-bff dev` prints once it runs.
///
/// A test runs the commands in it.
enum Welcome {
    static func text(publicURL: String, adminPort: Int, sandbox: Sandbox.Addresses) -> String {
        let json = "-H 'content-type: application/json'"
        let steps = [
            #""route":"session_start""#,
            #""route":"provider_select","action":"PROVIDER_MISSING""#,
            #""route":"provider_name_capture","data":{"provider":{"name":"My Power"}}"#,
            #""route":"tariff_structure_select","data":{"options":["FIXED"]}"#,
            #""route":"rate_fixed_capture","data":{"cost":0.2345}"#,
        ].map { "'\($0)'" }.joined(separator: " ")
        return """

            connect-bff    \(publicURL)
            try it         \(publicURL)\(DevPage.path)
            operators      http://127.0.0.1:\(adminPort)/readyz
            sandbox        API \(sandbox.api), Connect \(sandbox.connect)
                           controls \(sandbox.control), provider login \(sandbox.provider)

            Mint for the hosted Connect page, and open the launch_url in a browser:

              curl -s \(publicURL)/v1/connect/sessions \(json) -d '{}'; echo

            Mint for a Connect web app of your own, which gets the connect token; walk the session as it does, and read
            the tariff it made:

              MINT=$(curl -s \(publicURL)/v1/connect/sessions \(json) -d '{"app":"web","postal_address":{"city":"London","country_code":"GB"}}'); echo "$MINT"
              for step in \(steps); do curl -s \(publicURL)/ \(json) -d "{\\"connect_token\\":\\"$(echo "$MINT" | grep -o 'cot_[^"]*' | head -1)\\",$step}"; echo; done
              curl -s "\(publicURL)/v1/tariffs/elements?location_id=$(curl -s \(publicURL)/v1/connect/sessions/$(echo "$MINT" | grep -o 'cs_[0-9a-f]*') | grep -o 'loc_[0-9a-f]*')"

            The open reference web app (flatpeak-connect-web), beside this; open it at \(publicURL)\(LaunchPage.path)

              export CONNECT_API_URL=\(publicURL)
              npm run dev

            Ctrl-C stops.


            """
    }
}
