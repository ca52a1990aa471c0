import Core
import HTTPTypes
package import NIOCore

extension ByteBuffer {
    /// The status line and the fields that a response of the fast path carries, up to the empty line.
    ///
    /// - Parameters:
    ///   - lines: Writes the fields that the edge puts on every answer.
    ///   - length: The body's; nil when it comes in chunks, or ends with the connection where chunks are not known.
    mutating func writeAnswerHead(
        _ status: Int, contentType: String, retryAfter: Int?, length: Int?, isChunked: Bool, keepsAlive: Bool,
        number: RequestNumber, dateLine: ByteBuffer, lines: (inout ByteBuffer) -> Void
    ) {
        if status == 200 {
            writeStaticString("HTTP/1.1 200 OK\r\nContent-Type: ")
        } else {
            writeStaticString("HTTP/1.1 ")
            writeDecimal(status)
            writeStaticString(" ")
            writeString(HTTPResponse.Status(code: status).reasonPhrase)
            writeStaticString("\r\nContent-Type: ")
        }
        writeString(contentType)
        writeStaticString("\r\nX-Request-Id: ")
        writeNumber(number)
        writeStaticString("\r\n")
        lines(&self)
        writeImmutableBuffer(dateLine)
        if let retryAfter {
            writeStaticString("Retry-After: ")
            writeDecimal(retryAfter)
            writeStaticString("\r\n")
        }
        // Each 401 has a challenge (RFC 9110 section 15.5.2); the only credential of the relay is the connect token.
        if status == 401 { writeStaticString("WWW-Authenticate: Connect-Token realm=\"connect-bff\"\r\n") }
        if !keepsAlive { writeStaticString("Connection: close\r\n") }
        if status == 204 {
            // It has no body, and no length of one (RFC 9110 section 8.6).
            writeStaticString("\r\n")
        } else if let length {
            writeStaticString("Content-Length: ")
            writeDecimal(length)
            writeStaticString("\r\n\r\n")
        } else {
            writeStaticString(isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n")
        }
    }

    /// The head of a response of the router.
    /// - Parameter length: The body's; `nil` when it is not known.
    mutating func writeRoutedHead(
        _ response: RoutedResponse, length: Int?, isChunked: Bool, keepsAlive: Bool, dateLine: ByteBuffer
    ) {
        writeStaticString("HTTP/1.1 ")
        writeDecimal(response.status.code)
        writeStaticString(" ")
        writeString(response.status.reasonPhrase)
        writeStaticString("\r\n")
        for field in response.headers {
            writeString(field.name.rawName)
            writeStaticString(": ")
            writeString(field.value)
            writeStaticString("\r\n")
        }
        writeImmutableBuffer(dateLine)
        if !keepsAlive { writeStaticString("Connection: close\r\n") }
        if response.status == .noContent || response.status == .notModified {
            // Neither has a length (RFC 9110 section 8.6).
        } else if let length {
            writeStaticString("Content-Length: ")
            writeDecimal(length)
            writeStaticString("\r\n")
        } else if isChunked {
            writeStaticString("Transfer-Encoding: chunked\r\n")
        }
        writeStaticString("\r\n")
    }

    /// One chunk of a chunked body.
    mutating func writeChunk(_ bytes: RawSpan) {
        writeHexadecimal(bytes.byteCount)
        writeStaticString("\r\n")
        writeBytes(bytes)
        writeStaticString("\r\n")
    }

    mutating func writeNumber(_ number: RequestNumber) {
        let text = number.text
        // Safe: bytes are bytes, whatever they are taken for.
        unsafe writeBytes(text.span.bytes)
    }

    /// A number that is not negative, without a string between.
    package mutating func writeDecimal(_ number: Int) {
        writeDigits(number, radix: 10)
    }

    mutating func writeHexadecimal(_ number: Int) {
        writeDigits(number, radix: 16)
    }

    private mutating func writeDigits(_ number: Int, radix: Int) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var count = 0
        var rest = number
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % radix)
            digits[count] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            count += 1
            rest /= radix
        } while rest > 0
        writeWithOutputRawSpan(minimumWritableBytes: count) { span in
            for index in stride(from: count - 1, through: 0, by: -1) { span.append(digits[index]) }
        }
    }
}
