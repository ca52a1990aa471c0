/// The contents of a keys file over several readings: removing the keys revokes them (I14).
///
/// A text without a key revokes at once, which its parser decides. Editors truncate a file before they write it, so a
/// file that is missing or empty revokes at the second such reading in a row, or at the first after SIGHUP. A file that
/// cannot be read keeps what was read before.
struct RevocableFile {
    private var last: [UInt8]
    private var wasGone = false
    private var isConfirmed = false

    /// - Parameter first: The contents at startup.
    init(_ first: [UInt8]) {
        last = first
    }

    /// An operator confirms with SIGHUP that the file was changed.
    mutating func hangUp() {
        isConfirmed = true
    }

    /// Takes a reading.
    /// - Returns: The contents in force, of which no bytes revoke all keys; `nil` when the file cannot be read.
    mutating func contents(_ reading: Result<[UInt8], TrustedFile.Unfit>) -> [UInt8]? {
        defer { isConfirmed = false }
        switch reading {
        case .success(let bytes) where !bytes.isEmpty:
            wasGone = false
            last = bytes
        case .success, .failure(.missing):
            if wasGone || isConfirmed { last = [] }
            wasGone = true
        case .failure:
            wasGone = false
            return nil
        }
        return last
    }
}
