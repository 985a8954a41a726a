//! Several sinks of one query: a batch is done when all have it.

use super::{Batch, Sink};
use crate::Result;

/// Gives each batch to one sink after the other.
pub struct Several<'a> {
    sinks: Vec<Box<dyn Sink + 'a>>,
    /// So many of them have the batch that is under way.
    have: usize,
    batch: u64,
}

impl<'a> Several<'a> {
    /// Gives batches to these sinks, in this order.
    pub fn new(sinks: Vec<Box<dyn Sink + 'a>>) -> Self {
        Self { sinks, have: 0, batch: 0 }
    }
}

impl Sink for Several<'_> {
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        if self.batch != batch.id {
            (self.batch, self.have) = (batch.id, 0);
        }
        for sink in &mut self.sinks[self.have..] {
            sink.write(batch)?;
            self.have += 1;
        }
        self.have = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::sink::Rows;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::Arc;

    /// Does not take what it is given for the first time.
    struct Shy(bool);

    impl Sink for Shy {
        fn write(&mut self, _: &Batch<'_>) -> Result<()> {
            if std::mem::replace(&mut self.0, true) { Ok(()) } else { Err(Error::failed("not yet")) }
        }
    }

    /// Counts what it is given.
    #[derive(Clone, Default)]
    struct Counting(Rc<Cell<usize>>);

    impl Sink for Counting {
        fn write(&mut self, _: &Batch<'_>) -> Result<()> {
            self.0.set(self.0.get() + 1);
            Ok(())
        }
    }

    #[test]
    fn who_has_a_batch_does_not_get_it_again() -> Result<()> {
        let (first, last) = (Counting::default(), Counting::default());
        let sinks: Vec<Box<dyn Sink>> =
            vec![Box::new(first.clone()), Box::new(Shy(false)), Box::new(last.clone())];
        let mut several = Several::new(sinks);
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = RecordBatch::try_from_iter([("n", column)])?;
        let mut write = |id| {
            let rows = [rows.clone()];
            let (columns, rows) = (rows[0].schema(), Rows::Held(&rows));
            several.write(&Batch { id, columns, rows, records: 1, total_records: 1 })
        };
        assert!(write(0).is_err());
        assert_eq!((first.0.get(), last.0.get()), (1, 0));
        write(0)?;
        assert_eq!((first.0.get(), last.0.get()), (1, 1));
        // Without batches all rows have one number.
        write(0)?;
        write(1)?;
        assert_eq!((first.0.get(), last.0.get()), (3, 3));
        Ok(())
    }
}
