// Stands in until the texts of this language are written.
export default {};
