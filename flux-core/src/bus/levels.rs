use foldhash::HashMap;

/// Up to this many are searched one by one: cheaper than hashing, and most branches of a topic tree have one child.
const FEW: usize = 6;

/// What hangs below one branch of a topic tree, by the name of the level. Small while it holds little: a hundred thousand branches
/// may have one child each, or one branch a hundred thousand children.
pub enum Levels<T> {
    Few(Vec<(Box<str>, T)>),
    Many(Box<HashMap<Box<str>, T>>),
}

impl<T> Default for Levels<T> {
    fn default() -> Self {
        Levels::Few(Vec::new())
    }
}

impl<T> Levels<T> {
    pub fn get(&self, level: &str) -> Option<&T> {
        match self {
            Levels::Few(few) => few.iter().find(|(name, _)| &**name == level).map(|(_, value)| value),
            Levels::Many(many) => many.get(level),
        }
    }

    pub fn get_mut(&mut self, level: &str) -> Option<&mut T> {
        match self {
            Levels::Few(few) => few.iter_mut().find(|(name, _)| &**name == level).map(|(_, value)| value),
            Levels::Many(many) => many.get_mut(level),
        }
    }

    pub fn get_or_insert(&mut self, level: &str) -> &mut T
    where
        T: Default,
    {
        if let Levels::Few(few) = self
            && few.len() >= FEW
            && few.iter().all(|(name, _)| &**name != level)
        {
            *self = Levels::Many(Box::new(few.drain(..).collect()));
        }
        match self {
            Levels::Few(few) => {
                let index = few.iter().position(|(name, _)| &**name == level).unwrap_or_else(|| {
                    few.reserve_exact(1);
                    few.push((level.into(), T::default()));
                    few.len() - 1
                });
                &mut few[index].1
            }
            // Looked up first so that a level that is there already is not copied to be its key.
            Levels::Many(many) => {
                if !many.contains_key(level) {
                    many.insert(level.into(), T::default());
                }
                many.get_mut(level).expect("it was there or has just been inserted")
            }
        }
    }

    pub fn remove(&mut self, level: &str) {
        match self {
            Levels::Few(few) => few.retain(|(name, _)| &**name != level),
            Levels::Many(many) => {
                many.remove(level);
                // Half of the bound, so that one child coming and going does not rebuild it each time.
                if many.len() <= FEW / 2 {
                    *self = Levels::Few(many.drain().collect());
                } else {
                    shrink_if_sparse(many);
                }
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Levels::Few(few) => few.is_empty(),
            Levels::Many(many) => many.is_empty(),
        }
    }
}

/// Gives memory back when most of a map is empty: after a wave of unsubscribing it would stay for ever. Costs O(1) per removal on average.
pub fn shrink_if_sparse<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > 32 && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_children_while_it_grows_and_shrinks() {
        let mut levels = Levels::<usize>::default();
        for value in 0..100 {
            *levels.get_or_insert(&value.to_string()) = value;
            assert!((0..=value).all(|kept| levels.get(&kept.to_string()) == Some(&kept)), "after inserting {value}");
        }
        for value in 0..100 {
            levels.remove(&value.to_string());
            assert_eq!(levels.get(&value.to_string()), None);
            assert!(
                (value + 1..100).all(|kept| levels.get_mut(&kept.to_string()) == Some(&mut { kept })),
                "after removing {value}"
            );
        }
        assert!(levels.is_empty());
        assert!(matches!(levels, Levels::Few(_)), "an empty branch is small again");
    }
}
