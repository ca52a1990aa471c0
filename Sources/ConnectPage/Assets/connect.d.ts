// Stands in until the types of connect.js are written.
export {};
