//! Promise 2, seamless, on any processor: the width of its vectors never shows. By itself, since the level holds for
//! the whole process.

use swathe_core::Size;
use swathe_operators::OPERATORS;
use swathe_testkit::laws;
use swathe_tests::assert_all;

#[test]
fn cpu_levels_agree() {
    for size in [Size::new(53, 19), Size::new(3, 2)] {
        let subjects: Vec<_> = OPERATORS.iter().flat_map(|spec| laws::subjects(spec, size)).collect();
        assert_all(&subjects, laws::cpu_levels_agree);
    }
}
